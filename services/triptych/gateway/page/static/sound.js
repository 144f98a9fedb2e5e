// Sounds as they look: a waveform that is played, one at a time. Nothing is loaded before it is near.

import { itemPath, json } from "./api.js";
import { el, time } from "./dom.js";

const BAR = 3; // pixels, with the gap behind it
const STEP = 5; // seconds per key
let playing = null;

const near = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      target.dispatchEvent(new Event("near"));
    }
  },
  { rootMargin: "200px" },
);

/** A player for the sound of an item. */
export function player(collection, id, name, digest = "") {
  const query = digest ? `?digest=${digest}` : "";
  const sound = el("audio", { preload: "none", src: itemPath(collection, id, "/media/audio") });
  const button = el("button", { type: "button", "aria-label": `Play the sound of ${name}` }, "▶");
  const canvas = el("canvas", { role: "slider", tabindex: "0", "aria-label": `Position in the sound of ${name}`, "aria-valuemin": 0, "aria-valuemax": 0, "aria-valuenow": 0 });
  const clock = el("span", { class: "time" });
  let wave = null;

  // Of what browsers record, the browser says that it is endless.
  const length = () => [sound.duration, wave?.duration].find((one) => one > 0 && Number.isFinite(one)) ?? 0;
  const show = () => {
    const at = sound.currentTime;
    canvas.setAttribute("aria-valuemax", Math.round(length()));
    canvas.setAttribute("aria-valuenow", Math.round(at));
    canvas.setAttribute("aria-valuetext", `${time(at)} of ${time(length())}`);
    clock.textContent = at > 0 ? time(at) : length() ? time(length()) : "";
    if (wave) draw(canvas, wave, length() ? at / length() : 0);
  };
  const seek = (seconds) => {
    sound.currentTime = Math.max(0, Math.min(seconds, length()));
    show();
  };
  const look = (shown, label) => {
    button.textContent = shown;
    button.setAttribute("aria-label", `${label} the sound of ${name}`);
  };

  button.addEventListener("click", () => (sound.paused ? sound.play().catch(() => look("!", "The browser can’t play")) : sound.pause()));
  sound.addEventListener("play", () => {
    if (playing && playing !== sound) playing.pause();
    playing = sound;
    look("❚❚", "Pause");
  });
  sound.addEventListener("pause", () => look("▶", "Play"));
  sound.addEventListener("ended", () => seek(0));
  sound.addEventListener("timeupdate", show);
  sound.addEventListener("loadedmetadata", show);
  canvas.addEventListener("click", (event) => seek((event.offsetX / canvas.clientWidth) * length()));
  canvas.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: STEP, ArrowLeft: -STEP, ArrowUp: STEP, ArrowDown: -STEP };
    const to = event.key in steps ? sound.currentTime + steps[event.key] : { Home: 0, End: length() }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    seek(to);
  });
  canvas.addEventListener("near", async () => {
    try {
      wave = await json(itemPath(collection, id, `/waveform${query}`));
    } catch {
      return; // it can be played all the same
    }
    show();
  });
  near.observe(canvas);
  return el("div", { class: "player" }, button, canvas, clock, sound);
}

/** Bars from the least to the greatest sample, those that were heard in the accent colour. */
function draw(canvas, { data, bits }, done) {
  const scale = devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (!width || !height) return;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  const style = getComputedStyle(canvas);
  const stretches = data.length / 2;
  const bars = Math.min(Math.floor(width / BAR), stretches);
  const loudest = Math.max(2 ** (bits - 1) * 0.1, ...data.map(Math.abs));
  for (let bar = 0; bar < bars; bar += 1) {
    const begin = Math.floor((bar * stretches) / bars);
    const end = Math.max(begin + 1, Math.floor(((bar + 1) * stretches) / bars));
    let most = 0;
    for (let at = begin * 2; at < end * 2; at += 1) most = Math.max(most, Math.abs(data[at]));
    const tall = Math.max((most / loudest) * (height - 2), 1);
    pen.fillStyle = bar / bars < done ? style.getPropertyValue("accent-color") : style.color;
    pen.fillRect((bar * width) / bars, (height - tall) / 2, BAR - 1, tall);
  }
}
