/** How keys, queries and numbers are written. */

const plain = (text) => encodeURIComponent(text).replace(/%(?:2C|3A|3D|40|7E)/g, decodeURIComponent);

/** The path of a key. All slashes are escaped if a browser or the server would misread it otherwise. */
export function pathOf(key) {
  const segments = key.split("/");
  const misread = segments[0] === "-" || segments.some((segment) => segment === "." || segment === "..");
  return "/" + segments.map(plain).join(misread ? "%2F" : "/");
}

/** The URL of a picture: by an original and a query, or by a derivative's name. `said` are further parameters. */
export const byQuery = (key, ...said) => location.origin + pathOf(key) + after(said);
export const byName = (key, name, ...said) => `${location.origin}${pathOf(key)}/${plain(name)}${after(said)}`;

function after(said) {
  const query = said.filter(Boolean).join("&");
  return query && `?${query}`;
}

/** The pairs of a query. A whole URL may be pasted, too. */
export const readQuery = (text) => [...new URLSearchParams(text.trim().replace(/^[^?]*\?/, ""))];

/** A query as a person would write it. */
export const writeQuery = (pairs) => pairs.map((pair) => pair.map(plain).join("=")).join("&");

export function bytes(count) {
  if (count < 1000) return `${count} B`;
  const [size, unit] = count < 999_950 ? [count / 1e3, "kB"] : [count / 1e6, "MB"];
  return `${size.toFixed(size < 10 ? 1 : 0)} ${unit}`;
}

export const pixels = (width, height) => `${width} × ${height}`;
