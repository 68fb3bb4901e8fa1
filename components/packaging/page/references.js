// The references that were added: their pictures, the faces that the service sees in them, and why it refuses one.
import { COLOURS } from "./boxes.js";
import { faces } from "./service.js";

const MOST = 4;

export class References {
  constructor(list, changed) {
    Object.assign(this, { list, changed, items: [] });
  }

  get usable() {
    return this.items.filter((item) => item.usable);
  }

  async add(files) {
    const room = MOST - this.items.length;
    for (const file of [...files].slice(0, room)) {
      const item = { name: file.name, usable: false, said: "Looking…", url: URL.createObjectURL(file) };
      this.items.push(item);
      this.#show();
      await this.#look(item, file);
      this.#show();
      await this.changed();
    }
    if (files.length > room) throw new Error(`At most ${MOST} references are taken; remove one first.`);
  }

  async #look(item, file) {
    try {
      item.image = await createImageBitmap(file);
      item.base64 = await base64(file);
      const seen = await faces(item.base64);
      item.usable = seen.usable;
      item.said = seen.usable ? "One face" : seen.refusal.replace(/^picture/, "It");
      const face = [...seen.faces].sort((a, b) => b.side - a.side)[0];
      if (face) item.crop = [face.box[0], face.box[1], face.box[2] - face.box[0], face.box[3] - face.box[1]];
    } catch (error) {
      item.said = error instanceof DOMException ? "It is no picture that can be read." : error.message;
    }
  }

  remove(item) {
    URL.revokeObjectURL(item.url);
    this.items = this.items.filter((other) => other !== item);
    this.#show();
    this.changed();
  }

  #show() {
    this.list.replaceChildren(...this.items.map((item) => this.#row(item)));
  }

  #row(item) {
    const row = document.createElement("li");
    const image = Object.assign(new Image(), { src: item.url, alt: "" });
    image.addEventListener("error", () => image.removeAttribute("src")); // what is no picture has no broken one either
    const place = this.usable.indexOf(item);
    if (place >= 0) row.style.setProperty("--mark", COLOURS[place]);
    const said = document.createElement("span");
    said.textContent = place >= 0 ? `${place + 1}. ${item.said}` : item.said;
    said.classList.toggle("bad", !item.usable && item.said !== "Looking…");
    const remove = Object.assign(document.createElement("button"), { type: "button", textContent: "Remove" });
    remove.setAttribute("aria-label", `Remove ${item.name}`);
    remove.addEventListener("click", () => this.remove(item));
    row.append(image, said, remove);
    return row;
  }
}

export function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(new Error("The file cannot be read."));
    reader.readAsDataURL(file);
  });
}
