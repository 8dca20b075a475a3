const { originals } = await (await fetch("/-/page/originals")).json();
for (const { key } of originals) {
  const item = document.createElement("li");
  item.textContent = key;
  document.querySelector("#originals").append(item);
}
