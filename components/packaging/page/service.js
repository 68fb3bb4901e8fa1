// The service's API as functions. Every failure is an Error whose message is the sentence that the service gave.
let token = sessionStorage.getItem("token") ?? "";

export function setToken(value) {
  token = value.trim();
  sessionStorage.setItem("token", token);
}

async function call(path, { body, method } = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(`.${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Error("The service cannot be reached; try again in a moment.");
  }
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  const error = new Error(problem.detail ?? `The service answered ${answer.status}; try again in a moment.`);
  error.status = answer.status;
  throw error;
}

const post = async (path, body) => (await call(path, { method: "POST", body })).json();

export const about = () => post("/model", {});
export const faces = (picture) => post("/faces", { picture });
export const layout = (people, size) => post("/layout", size ? { people, size } : { people });
export const cancel = (id) => call(`/tasks/${id}`, { method: "DELETE" });
export const picture = async (path) => (await call(path)).blob();

// Order pictures and watch the task until it ends; `told` gets each state. Resolves to the paths of the pictures.
export async function order(body, told) {
  let task = await post("/tasks", body);
  while (task.state === "waiting" || task.state === "running") {
    told(task);
    await new Promise((wake) => setTimeout(wake, 150));
    task = await (await call(`/tasks/${task.id}`)).json();
  }
  told(task);
  if (task.state === "done") return task.pictures;
  throw new Error(task.state === "cancelled" ? "Cancelled." : task.problem.detail);
}

// The text chunks of a PNG file, as [name, value] pairs without the prefix that ours have.
export function textChunks(bytes) {
  const view = new DataView(bytes);
  const latin = new TextDecoder("latin1");
  const found = [];
  for (let at = 8; at + 12 <= view.byteLength; at += 12 + view.getUint32(at)) {
    if (latin.decode(new Uint8Array(bytes, at + 4, 4)) !== "tEXt") continue;
    const [name, value] = latin.decode(new Uint8Array(bytes, at + 8, view.getUint32(at))).split("\0");
    found.push([name.replace(/^withanyone\./, ""), value]);
  }
  return found;
}
