// The canvas on which faces are placed: boxes as fractions of the picture, moved by pointer or keys.
export const COLOURS = ["#2b5fd9", "#c2410c", "#0f7b56", "#9333ea"];
const LEAST = 0.06; // of a side; the service takes 0.05
const KEY_STEP = 0.02;
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

export class Boxes {
  constructor(canvas, status, faceOf) {
    Object.assign(this, { canvas, status, faceOf, boxes: [], chosen: 0, grip: null, theirs: true });
    canvas.addEventListener("pointerdown", (event) => this.#grab(event));
    canvas.addEventListener("pointermove", (event) => this.#drag(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (this.grip = null));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("focus", () => this.draw());
    canvas.addEventListener("blur", () => this.draw());
  }

  // Show a layout of the service, on the `picture` that is edited if there is one; until a box is moved, none are sent
  // with an order.
  set({ width, height, boxes, picture = null }) {
    this.picture = picture;
    this.canvas.height = Math.round((this.canvas.width * height) / width);
    this.boxes = boxes.map((box) => [...box]);
    this.chosen = clamp(this.chosen, 0, Math.max(boxes.length - 1, 0));
    this.theirs = true;
    this.draw();
  }

  get moved() {
    return this.theirs ? null : this.boxes;
  }

  #at(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    return [(event.clientX - left) / width, (event.clientY - top) / height];
  }

  #grab(event) {
    const [x, y] = this.#at(event);
    const near = 18 / this.canvas.clientWidth;
    const order = [this.chosen, ...this.boxes.keys()];
    for (const index of order) {
      const box = this.boxes[index];
      if (!box) continue;
      const corner = Math.abs(x - box[2]) < near && Math.abs(y - box[3]) < near * 1.5;
      if (!corner && !(x > box[0] && x < box[2] && y > box[1] && y < box[3])) continue;
      this.chosen = index;
      this.grip = { corner, x: x - (corner ? box[2] : box[0]), y: y - (corner ? box[3] : box[1]) };
      this.canvas.setPointerCapture(event.pointerId);
      break;
    }
    this.draw();
  }

  #drag(event) {
    if (!this.grip) return;
    const [x, y] = this.#at(event);
    const to = [x - this.grip.x, y - this.grip.y];
    if (this.grip.corner) this.#resize(to);
    else this.#move(to);
  }

  #move([x, y]) {
    const box = this.boxes[this.chosen];
    const [width, height] = [box[2] - box[0], box[3] - box[1]];
    const [left, top] = [clamp(x, 0, 1 - width), clamp(y, 0, 1 - height)];
    this.#change([left, top, left + width, top + height]);
  }

  #resize([x, y]) {
    const [left, top] = this.boxes[this.chosen];
    this.#change([left, top, clamp(x, left + LEAST, 1), clamp(y, top + LEAST, 1)]);
  }

  #change(box) {
    this.boxes[this.chosen] = box.map((value) => clamp(value, 0, 1));
    this.theirs = false;
    this.draw();
  }

  #key(event) {
    const number = Number(event.key);
    if (number >= 1 && number <= this.boxes.length) this.chosen = number - 1;
    else if (event.key === "Tab" && this.boxes.length > 1) {
      const next = this.chosen + (event.shiftKey ? -1 : 1);
      if (next < 0 || next >= this.boxes.length) return; // the next Tab leaves the canvas
      this.chosen = next;
    } else if (MOVES[event.key] && this.boxes[this.chosen]) {
      const [dx, dy] = MOVES[event.key].map((part) => part * KEY_STEP);
      const [left, top, right, bottom] = this.boxes[this.chosen];
      if (event.shiftKey) this.#resize([right + dx, bottom + dy]);
      else this.#move([left + dx, top + dy]);
    } else return;
    event.preventDefault();
    this.draw();
  }

  draw() {
    const { width, height } = this.canvas;
    const pen = this.canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    if (this.picture) pen.drawImage(this.picture, 0, 0, width, height);
    this.boxes.forEach((box, index) => this.#drawBox(pen, box, index));
    const box = this.boxes[this.chosen];
    this.status.textContent = box
      ? `Face ${this.chosen + 1} of ${this.boxes.length}: ${box.map((value) => `${Math.round(value * 100)} %`).join(", ")}`
      : "Add a reference to place its face.";
  }

  #drawBox(pen, [x0, y0, x1, y1], index) {
    const { width, height } = this.canvas;
    const [x, y, w, h] = [x0 * width, y0 * height, (x1 - x0) * width, (y1 - y0) * height];
    const face = this.faceOf(index);
    pen.save();
    if (face) {
      pen.globalAlpha = 0.55;
      pen.drawImage(face.image, ...face.crop, x, y, w, h);
      pen.globalAlpha = 1;
    }
    const chosen = index === this.chosen;
    pen.strokeStyle = pen.fillStyle = COLOURS[index];
    pen.lineWidth = chosen ? 5 : 2;
    if (chosen && document.activeElement === this.canvas) pen.setLineDash([12, 5]);
    pen.strokeRect(x, y, w, h);
    pen.fillRect(x + w - 9, y + h - 9, 18, 18);
    pen.fillRect(x, y, 34, 34);
    pen.fillStyle = "#fff";
    pen.font = "600 22px system-ui, sans-serif";
    pen.fillText(String(index + 1), x + 11, y + 25);
    pen.restore();
  }
}
