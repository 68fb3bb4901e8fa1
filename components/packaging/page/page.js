// The page: references, boxes and the scene become an order; its progress is shown, its pictures go to the gallery.
import { Boxes } from "./boxes.js";
import { base64, References } from "./references.js";
import * as service from "./service.js";

const at = (id) => document.getElementById(id);
const references = new References(at("references"), place);
const boxes = new Boxes(at("boxes"), at("place"), (index) => {
  const item = references.usable[index];
  return item?.crop ? item : null;
});
let running = null;
const NAMES = { arc: "id_weight", sig: "siglip_weight" };
let branches = ["arc"]; // the slider mixes two branches of the model; without a second one it weighs the only one

let photo = null; // that a model edits: its file in base64, its pixels, and what the service sees in it

const size = () => (at("size").value ? at("size").value.split("x").map(Number) : null);

function say(text, bad = false) {
  at("said").textContent = text;
  at("said").classList.toggle("bad", bad);
}

// Do something that asks the service; what goes wrong is said, and where a token is asked for its field appears.
async function trying(work) {
  try {
    await work();
  } catch (error) {
    if (error.status === 401) at("access").hidden = false;
    say(error.message, true);
  }
}

async function place() {
  const people = references.usable.length;
  at("generate").disabled = !people || running !== null;
  if (photo) boxes.set({ ...photo, boxes: photo.boxes.slice(0, people) });
  else if (!people) boxes.set({ width: 3, height: 2, boxes: [] });
  else await trying(async () => boxes.set(await service.layout(people, size())));
}

// The photo to edit: its faces, from left to right, are where those of the references go.
async function choosePhoto(file) {
  say("");
  photo = null;
  await trying(async () => {
    const sent = await base64(file);
    const { width, height, faces } = await service.faces(sent);
    const found = faces.map(({ box: [x0, y0, x1, y1] }) => [x0 / width, y0 / height, x1 / width, y1 / height]);
    photo = { base64: sent, picture: await createImageBitmap(file), width, height, boxes: found.sort((a, b) => a[0] - b[0]) };
  });
  await place();
}

function addFiles(files) {
  say("");
  trying(() => references.add(files));
}

async function introduce() {
  const about = await service.about();
  at("access").hidden = true;
  at("licence").textContent = `${about.licence.sentence ?? ""} Model ${about.lineage.model.slice(0, 12)}, ${about.lineage.verdict}.`;
  branches = about.branches;
  at("edited").hidden = !about.edits;
  at("weight").max = branches.length > 1 ? 1 : about.limits.id_weight;
  at("size").replaceChildren(at("size").options[0]);
  for (const [width, height] of about.sizes) at("size").add(new Option(`${width} × ${height}`, `${width}x${height}`));
  await place();
}

// In spirit is the identity alone, in form the look alone, as the method's authors have it.
const weights = (form) =>
  branches.length > 1 ? { id_weight: Number((1 - form).toFixed(2)), siglip_weight: form } : { [NAMES[branches[0]]]: form };

function ordered() {
  const body = {
    prompt: at("prompt").value,
    references: references.usable.map((item) => item.base64),
    ...weights(Number(at("weight").value)),
    seed: at("seed").value ? Number(at("seed").value) : Math.floor(Math.random() * 2 ** 32),
    pictures: Number(at("pictures").value),
  };
  if (photo) body.image = photo.base64;
  if (photo || boxes.moved) body.boxes = boxes.boxes; // on a photo what is seen is what is sent
  if (at("steps").value) body.steps = Number(at("steps").value);
  if (size()) body.size = size();
  return body;
}

function busy(task) {
  running = task;
  at("generate").disabled = task !== null;
  at("cancel").hidden = at("progress").hidden = task === null;
}

function told(task) {
  busy(task);
  at("progress").value = task.progress;
  say(task.state === "waiting" ? `In line, ${task.ahead} before it.` : "Drawing…");
}

async function generate() {
  busy({ id: null });
  try {
    const paths = await service.order(ordered(), told);
    const cards = await Promise.all(paths.map(async (path) => card(await service.picture(path))));
    at("gallery").prepend(...cards);
    at("empty").hidden = true;
    cards[0].scrollIntoView({ block: "nearest" });
    say(paths.length === 1 ? "One picture made." : `${paths.length} pictures made.`);
  } finally {
    busy(null);
  }
}

async function card(file) {
  const facts = service.textChunks(await file.arrayBuffer());
  const seed = facts.find(([name]) => name === "seed")?.[1] ?? "";
  const url = URL.createObjectURL(file);
  const item = document.createElement("li");
  const image = Object.assign(new Image(), { src: url, alt: `${at("prompt").value}, seed ${seed}` });
  await image.decode(); // so that it has its height when it is scrolled to
  const save = Object.assign(document.createElement("a"), { href: url, download: `withanyone-${seed}.png`, textContent: "Save" });
  const caption = document.createElement("figcaption");
  const named = Object.assign(document.createElement("span"), { textContent: `Seed ${seed}` });
  caption.append(named, save, provenance(facts));
  const figure = document.createElement("figure");
  figure.append(image, caption);
  item.append(figure);
  return item;
}

function provenance(facts) {
  const details = document.createElement("details");
  const summary = Object.assign(document.createElement("summary"), { textContent: "Provenance, signed in the file" });
  const list = document.createElement("dl");
  for (const [name, value] of facts) {
    const cells = [["dt", name.replace("_", " ")], ["dd", value]];
    list.append(...cells.map(([kind, text]) => Object.assign(document.createElement(kind), { textContent: text })));
  }
  details.append(summary, list);
  return details;
}

at("files").addEventListener("change", (event) => {
  addFiles([...event.target.files]);
  event.target.value = "";
});
at("photo").addEventListener("change", (event) => event.target.files.length && choosePhoto(event.target.files[0]));
for (const name of ["dragenter", "dragover", "dragleave", "drop"])
  at("drop").addEventListener(name, (event) => {
    event.preventDefault();
    at("drop").classList.toggle("over", name === "dragenter" || name === "dragover");
    if (name === "drop") addFiles([...event.dataTransfer.files]);
  });
at("weight").addEventListener("input", () => (at("resemblance").value = Number(at("weight").value).toFixed(2)));
at("size").addEventListener("change", place);
at("replace").addEventListener("click", place);
at("token").addEventListener("change", (event) => {
  service.setToken(event.target.value);
  say("");
  trying(introduce);
});
at("cancel").addEventListener("click", () => running?.id && trying(() => service.cancel(running.id)));
at("order").addEventListener("submit", (event) => {
  event.preventDefault();
  trying(generate);
});
trying(introduce);
place();
