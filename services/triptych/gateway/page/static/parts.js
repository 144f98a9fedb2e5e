// Pictures and sounds of the query: from files, by dropping and pasting, camera and microphone.

import { needsHttps } from "./api.js";
import { byId, el, size } from "./dom.js";

const MOST = 8;
const IMAGE = /\.(jpe?g|png|webp|gif|tiff?|bmp|avif|hei[cf]|jxl|svg|jp2|dng|cr[23]|nef|arw|raf|orf|rw2)$/i;
const AUDIO = /\.(wav|mp3|ogg|oga|opus|flac|m4a|aac|aiff?|wma|weba|mp4|m4v|mov|mkv|webm|avi)$/i;

/** What a file is for a query, or undefined. The gateway looks at its bytes later. */
export function partOf(file) {
  if (file.type.startsWith("image/") || IMAGE.test(file.name)) return "image";
  if (file.type.startsWith("audio/") || file.type.startsWith("video/") || AUDIO.test(file.name)) return "audio";
  return undefined;
}

/** The parts of the query; calls `changed` when they change, `failed` with what went wrong. */
export class Parts {
  constructor({ changed, failed, limit }) {
    this.entries = [];
    this.changed = changed;
    this.failed = failed;
    this.limit = limit;
    this.list = byId("parts");
    this.live = byId("live");
    this.wire();
  }

  wire() {
    const drop = byId("drop");
    const input = byId("files");
    byId("pick").addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      this.add([...input.files]);
      input.value = "";
    });
    let depth = 0;
    const over = (inside) => drop.classList.toggle("over", inside);
    document.addEventListener("dragenter", () => over(++depth > 0));
    document.addEventListener("dragleave", () => over(--depth > 0));
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      depth = 0;
      over(false);
      this.add([...event.dataTransfer.files]);
    });
    document.addEventListener("paste", (event) => {
      if (event.clipboardData.files.length) {
        event.preventDefault();
        this.add([...event.clipboardData.files]);
      }
    });
    byId("camera").addEventListener("click", () => this.camera());
    byId("record").addEventListener("click", () => this.record());
  }

  add(files) {
    const reasons = [];
    let added = false;
    for (const file of files) {
      const part = partOf(file);
      if (!part) reasons.push(`${file.name || "This"} is neither a picture nor a sound. Words go into the box; whole collections are added on the upload page.`);
      else if (file.size === 0) reasons.push(`${file.name} is empty.`);
      else if (file.size > this.limit) reasons.push(`${file.name} has ${size(file.size)}; a picture or sound of a query may have ${size(this.limit)}.`);
      else if (this.entries.filter((one) => one.part === part).length >= MOST) reasons.push(`A query has at most ${MOST} of a kind.`);
      else {
        this.entries.push({ part, file, url: part === "image" ? URL.createObjectURL(file) : "" });
        added = true;
      }
    }
    if (added) this.show();
    if (reasons.length) this.failed(reasons.join(" "));
    if (added) this.changed();
  }

  set(entries) {
    this.entries = entries;
    this.show();
  }

  show() {
    this.list.hidden = this.entries.length === 0;
    this.list.replaceChildren(
      ...this.entries.map((entry) => {
        const name = entry.file.name || (entry.part === "image" ? "picture" : "sound");
        return el(
          "li",
          {},
          entry.url ? el("img", { src: entry.url, alt: "" }) : el("span", { class: "icon", "aria-hidden": "true" }, "♪"),
          el("span", { class: "label" }, name),
          el("button", { type: "button", class: "quiet", "aria-label": `Remove ${name}`, onclick: () => this.remove(entry) }, "✕"),
        );
      }),
    );
  }

  remove(entry) {
    this.entries = this.entries.filter((one) => one !== entry);
    this.show();
    byId("q").focus();
    this.changed();
  }

  async camera() {
    const button = byId("camera");
    if (this.stop) return this.stop();
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch (error) {
      return this.failed(refused("camera", error));
    }
    const video = el("video", { autoplay: true, playsinline: true, "aria-label": "Camera" });
    video.muted = true;
    video.srcObject = stream;
    button.classList.add("on");
    this.stop = () => {
      for (const track of stream.getTracks()) track.stop();
      button.classList.remove("on");
      this.live.replaceChildren();
      this.live.hidden = true;
      this.stop = undefined;
    };
    const take = async () => {
      const canvas = el("canvas", { width: video.videoWidth, height: video.videoHeight });
      canvas.getContext("2d").drawImage(video, 0, 0);
      const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
      this.stop?.();
      if (blob) this.add([new File([blob], "camera.jpg", { type: "image/jpeg" })]);
    };
    const shoot = el("button", { type: "button", class: "primary", onclick: take }, "Take the picture");
    this.live.replaceChildren(video, shoot, el("button", { type: "button", onclick: () => this.stop?.() }, "Cancel"));
    this.live.hidden = false;
    shoot.focus();
  }

  async record() {
    const button = byId("record");
    if (this.recorder) return this.recorder.stop();
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch (error) {
      return this.failed(refused("microphone", error));
    }
    const pieces = [];
    const recorder = new MediaRecorder(stream);
    this.recorder = recorder;
    button.classList.add("on");
    const label = button.lastChild.textContent;
    button.lastChild.textContent = "Stop";
    recorder.addEventListener("dataavailable", (event) => pieces.push(event.data));
    recorder.addEventListener("stop", () => {
      for (const track of stream.getTracks()) track.stop();
      this.recorder = undefined;
      button.classList.remove("on");
      button.lastChild.textContent = label;
      const type = recorder.mimeType.split(";")[0];
      this.add([new File(pieces, type.includes("mp4") ? "recording.m4a" : "recording.weba", { type })]);
    });
    recorder.start();
  }
}

function refused(what, error) {
  if (!isSecureContext) return needsHttps(what);
  return error.name === "NotAllowedError"
    ? `The browser was not allowed to use the ${what}.`
    : `There is no ${what} that can be used: ${error.message}`;
}
