/** The page's requests to its server. A failure is thrown as an Error with one sentence. */

async function ask(path, options) {
  const response = await fetch(`/-/page/${path}`, options).catch(() => {
    throw new Error("The local server does not answer. Is `make run` still running?");
  });
  const answer = response.status === 204 ? null : await response.json();
  if (!response.ok) throw Object.assign(new Error(answer.error), { status: response.status });
  return answer;
}

const named = (key) => `original?${new URLSearchParams({ key })}`;

export const operations = () => ask("operations");
export const listing = (find, count) => ask(`originals?${new URLSearchParams({ find, count })}`);
export const original = (key) => ask(named(key));
export const signature = async (key, query) =>
  (await ask(`signature?${new URLSearchParams({ key, query })}`)).signature;
export const remove = (key) => ask(named(key), { method: "DELETE" });
export const uploadUrl = (key, type) =>
  ask("uploads", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ key, type }),
  });
