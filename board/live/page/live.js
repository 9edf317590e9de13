// SPDX-License-Identifier: Apache-2.0
// The live page: two streams of the server, /picture and /events, and four commands.
"use strict";

const FACE_COLOURS = ["#ffb03b", "#5ec78c", "#6caaff", "#dc82dc"]; // as board/outputs/annotate.py has them
const TROUBLE_COLOUR = "#f06259";
const STATES = {
  running: "live", stopped: "stopped", ended: "at its end", waiting: "no input", failed: "failed",
  lost: "no connection", connecting: "connecting",
};
const STAGES = { capture: "input", faces: "face search", inference: "action units", output: "output" };
const VALIDITIES = {
  coded: "faces that people coded", "real and rendered": "real and rendered faces", rendered: "rendered faces alone",
  emotion: "the emotion of a face and the table of emotions and their action units",
};
const GAP_S = 2; // a line does not lead over a longer time without its face

const $ = (id) => document.getElementById(id);
const make = (tag, name, parent) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  parent.append(made);
  return made;
};
const setText = (element, text) => { if (element.textContent !== text) element.textContent = text; };

let about = null; // what the server said when the page came
let now = null; // its last event
let chosen = null; // number of the face that was clicked
let rows = []; // elements of each action unit
let history = new Map(); // face → [[time, probabilities in thousandths…]…], oldest first
let events = null;
let refusal = ""; // of the last command

function connect() {
  events = new EventSource("events");
  events.addEventListener("about", (event) => begin(JSON.parse(event.data)));
  events.addEventListener("message", (event) => update(JSON.parse(event.data)));
  events.addEventListener("error", () => lost(events.readyState === EventSource.CLOSED));
  $("picture").src = `picture?${Date.now()}`;
}

function disconnect() { // a page that nobody sees costs the board nothing
  if (events) events.close();
  events = null;
  $("picture").removeAttribute("src");
}

function lost(refused) {
  setState("lost");
  showTrouble(refused
    ? "The board refused this page: open the URL that auflow live printed, with its token."
    : "The board does not answer: is it on, and is auflow live running? This page tries again by itself.");
  for (const id of ["run", "record"]) $(id).disabled = true;
  if (refused) { setTimeout(reconnect, 5000); }
  $("picture").removeAttribute("src");
}

function reconnect() {
  if (!document.hidden) { disconnect(); connect(); }
}

function begin(said) {
  about = said;
  history = new Map();
  remember(said.points);
  setText($("about"), `${said.input} · ${said.deployment} on ${said.executor_description}`);
  document.title = `AUFlow live: ${said.input}`;
  $("rows").replaceChildren();
  rows = said.aus.map((unit) => {
    const row = make("div", "unit", $("rows"));
    make("span", "short", row).textContent = unit.short;
    make("span", "title", row).textContent = unit.name.split(" ").slice(1).join(" ");
    if (unit.validity) row.title = `learned from: ${VALIDITIES[unit.validity] || unit.validity}`;
    const value = make("span", "value", row);
    const bar = make("div", "bar", row);
    const fill = make("i", "", bar);
    make("b", "", bar).style.left = `${100 * unit.threshold}%`;
    const strip = make("canvas", "strip", row);
    return { row, value, fill, strip };
  });
  $("remark").hidden = !said.remark;
  setText($("remark"), said.remark);
  $("choice").hidden = said.finders.length < 2;
  $("finder").replaceChildren(...said.finders.map((name) => new Option(name, name)));
  if (!$("picture").getAttribute("src")) $("picture").src = `picture?${Date.now()}`;
}

function remember(points) {
  for (const [time, face, ...probabilities] of points) {
    if (!history.has(face)) history.set(face, []);
    const line = history.get(face);
    if (!line.length || time > line[line.length - 1][0]) line.push([time, ...probabilities]);
  }
}

function forget(now_s) {
  for (const [face, line] of history) {
    const first = line.findIndex((point) => point[0] >= now_s - about.history_s);
    if (first === -1) history.delete(face);
    else if (first > 0) line.splice(0, first);
  }
}

function update(said) {
  if (!about) return;
  now = said;
  remember(said.points);
  forget(said.now_s);
  setState(said.state.name);
  const failed = said.frame ? said.frame.rows.find((row) => row.status === "failed" || row.status === "unreadable") : null;
  showTrouble(said.state.message
    ? said.state.message + (said.state.name === "waiting" ? "; it is tried again" : "")
    : refusal || said.recording.error || (failed && said.state.name === "running" ? `frame ${said.frame.index}: ${failed.message}` : ""));
  showControls(said);
  showFigures(said);
  drawAll();
}

function drawAll() {
  if (!now) return;
  const faces = now.frame ? now.frame.rows.filter((row) => row.face !== undefined) : [];
  const face = faces.find((row) => row.face === chosen) || faces[0];
  showFaces(faces, face);
  drawBoxes(faces, face);
  drawUnits(face);
}

function setState(name) {
  $("state").dataset.state = name;
  setText($("state").lastElementChild, STATES[name]);
}

function showTrouble(sentence) {
  $("trouble").hidden = !sentence;
  setText($("trouble"), sentence || "");
}

function showControls({ state, recording }) {
  const running = state.name === "running" || state.name === "waiting";
  $("run").disabled = false;
  setText($("run"), running ? "Stop" : "Start");
  $("run").dataset.command = running ? "stop" : "start";
  $("record").disabled = state.name !== "running" && !recording.running;
  $("record").setAttribute("aria-pressed", String(recording.running));
  setText($("record"), recording.running ? "Stop recording" : "Record");
  if (document.activeElement !== $("finder")) $("finder").value = state.finder;
  const key = JSON.stringify(recording);
  if ($("recording").dataset.shown === key) return;
  $("recording").dataset.shown = key;
  $("recording").hidden = !recording.path;
  const count = `${recording.rows.toLocaleString("en")} ${recording.rows === 1 ? "row" : "rows"}`;
  $("recording").textContent = `${count} ${recording.running ? "so far, into" : "in"} ${recording.path}${recording.error ? ".partial" : ""}`;
  if (recording.path && !recording.running && !recording.error) {
    const link = document.createElement("a");
    link.href = "recording.csv";
    link.textContent = "download";
    $("recording").append(" · ", link);
  }
}

function showFigures({ rates, frame, state }) {
  const running = state.name === "running";
  setText($("fps"), running ? rates.fps.toFixed(rates.fps < 10 ? 1 : 0) : "–");
  const latency = rates.latency_ms;
  $("latency").replaceChildren(...(running && latency !== null
    ? [latency.toFixed(latency < 10 ? 1 : 0), " ", Object.assign(document.createElement("small"), { textContent: "ms" })] : ["–"]));
  setText($("count"), running && frame ? String(frame.rows.filter((row) => row.face !== undefined).length) : "–");
  setText($("dropped"), rates.dropped.toLocaleString("en"));
  const stages = Object.entries(rates.stages_ms);
  const most = Math.max(...stages.map(([, ms]) => ms), 1e-9);
  $("stages").replaceChildren();
  for (const [name, ms] of stages) {
    const binds = name === rates.binds ? "binds" : "";
    const label = make("span", binds, $("stages"));
    label.textContent = (STAGES[name] || name) + (!binds ? "" : name === "capture" ? " sets the pace" : " binds");
    const bar = make("i", "", make("span", `track ${binds}`, $("stages")));
    bar.style.width = `${100 * ms / most}%`;
    make("span", binds, $("stages")).textContent = `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
  }
}

function showFaces(faces, face) {
  const key = faces.map((row) => `${row.face} ${row.emotion} ${row === face}`).join("|");
  if ($("faces").dataset.shown === key) return;
  $("faces").dataset.shown = key;
  $("faces").replaceChildren();
  if (!faces.length) $("faces").textContent = "no face in view";
  for (const row of faces) {
    const button = make("button", "", $("faces"));
    button.type = "button";
    button.setAttribute("aria-pressed", String(row === face));
    make("i", "", button).style.background = colourOf(row);
    button.append(`Face ${row.face}`);
    if (row.emotion) {
      make("span", "", button).textContent = row.emotion;
      button.title = about.emotions.length
        ? about.emotions.map((name, index) => `${name} ${(row.emotions[index] / 1000).toFixed(2)}`).join(", ")
        : "the nearest row of the table of emotions and their action units";
    }
    button.addEventListener("click", () => { chosen = row.face; drawAll(); });
  }
}

const colourOf = (row) => row.status === "ok" ? FACE_COLOURS[row.face % FACE_COLOURS.length] : TROUBLE_COLOUR;

// A canvas with as many pixels as the screen has, and its size in CSS pixels.
function prepare(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}

function drawBoxes(faces, face) {
  const size = now.frame && now.frame.size;
  $("empty").hidden = Boolean(size);
  if (size) $("stage").style.aspectRatio = `${size[0]} / ${size[1]}`;
  const { pen, width, height } = prepare($("boxes"));
  if (!size) return;
  const scale = Math.min(width / size[0], height / size[1]);
  pen.translate((width - scale * size[0]) / 2, (height - scale * size[1]) / 2);
  pen.font = "600 14px system-ui, sans-serif";
  pen.textBaseline = "middle";
  for (const row of faces) {
    const [left, top, side] = row.box.map((value) => value * scale);
    pen.strokeStyle = pen.fillStyle = colourOf(row);
    pen.lineWidth = row === face ? 3 : 2;
    pen.beginPath();
    pen.roundRect(left, top, side, side, 6);
    pen.stroke();
    const caption = row.emotion ? `${row.face}  ${row.emotion}` : `${row.face}`;
    const wide = pen.measureText(caption).width + 16;
    const at = Math.max(0, Math.min(left, scale * size[0] - wide)); // readable where the box leaves the picture
    const above = top > 26 ? top - 26 : Math.max(0, top) + 3;
    pen.beginPath();
    pen.roundRect(at, above, wide, 23, 5);
    pen.fill();
    pen.fillStyle = "#14181f";
    pen.fillText(caption, at + 8, above + 12);
  }
}

function drawUnits(face) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const line = (face && history.get(face.face)) || [];
  rows.forEach(({ row, value, fill, strip }, unit) => {
    const probability = face && face.aus ? face.aus[unit] / 1000 : null;
    row.classList.toggle("present", probability !== null && face.present[unit] === 1);
    setText(value, probability === null ? "–" : probability.toFixed(2));
    fill.style.width = `${100 * (probability || 0)}%`;
    drawStrip(strip, line, unit, colour);
  });
}

// The last minute of one action unit: its line, filled below, and its decision threshold.
function drawStrip(strip, line, unit, colour) {
  const { pen, width, height } = prepare(strip);
  const pad = 3;
  const x = (time) => width * (1 - (now.now_s - time) / about.history_s);
  const y = (share) => pad + (height - 2 * pad) * (1 - share);
  const threshold = y(about.aus[unit].threshold);
  pen.strokeStyle = colour("--edge");
  pen.lineWidth = 1;
  pen.setLineDash([3, 3]);
  pen.beginPath();
  pen.moveTo(0, threshold);
  pen.lineTo(width, threshold);
  pen.stroke();
  pen.setLineDash([]);
  pen.strokeStyle = colour("--line");
  pen.fillStyle = colour("--area");
  pen.lineWidth = 1.5;
  pen.lineJoin = "round";
  for (let first = 0; first < line.length;) {
    let last = first;
    while (last + 1 < line.length && line[last + 1][0] - line[last][0] < GAP_S) last += 1;
    pen.beginPath();
    for (let at = first; at <= last; at += 1) pen.lineTo(x(line[at][0]), y(line[at][unit + 1] / 1000));
    if (last === first) pen.lineTo(x(line[first][0]) + 1.5, y(line[first][unit + 1] / 1000));
    pen.stroke();
    pen.lineTo(x(line[last][0]), height - pad);
    pen.lineTo(x(line[first][0]), height - pad);
    pen.fill();
    first = last + 1;
  }
}

async function command(path, content = {}) {
  try {
    const answer = await fetch(path, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(content),
    });
    refusal = answer.ok ? "" : (await answer.text()).trim();
  } catch {
    refusal = "The board does not answer.";
  }
  if (now) update({ ...now, points: [] });
}

$("run").addEventListener("click", () => command($("run").dataset.command));
$("record").addEventListener("click", () => command("record", { on: !now.recording.running }));
$("finder").addEventListener("change", () => { command("finder", { name: $("finder").value }); $("finder").blur(); });
window.addEventListener("resize", drawAll);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : reconnect()));
window.addEventListener("load", connect); // streams that begin before it would keep it from coming
