// The page: sends a file, waits for its captions, and shows them over the playing video.
import * as attention from "./attention.js";
import { recordCamera } from "./camera.js";

const $ = (id) => document.getElementById(id);
const TOP_K = 5;
const POLL_MS = 400;
const REVEAL_MS = 180;

const state = {
  job: "", // path of the job on the gateway
  request: null, // the upload under way
  wanted: 0, // number of the upload that the page waits for
  captions: null,
  segment: 0,
  word: 0,
  url: "", // of the file, for this page
  plays: false,
};

// ------------------------------------------------------------------ the gateway

function headers() {
  const token = sessionStorage.getItem("token");
  return token ? { authorization: `Bearer ${token}` } : {};
}

async function call(path, options = {}) {
  const response = await fetch(path, { ...options, headers: headers() });
  if (response.status === 401) $("token-label").hidden = false;
  if (!response.ok) {
    const body = await response.json().catch(() => ({}));
    throw new Error(body.error ?? `the gateway answered ${response.status}.`);
  }
  return response;
}

function upload(file, query, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    state.request = request;
    request.open("POST", `/captions?${query}`);
    for (const [name, value] of Object.entries(headers())) {
      request.setRequestHeader(name, value);
    }
    request.upload.onprogress = (event) => onProgress(event.loaded / event.total);
    request.onerror = () => reject(new Error("the gateway cannot be reached."));
    request.onabort = () => reject(new Error("cancelled."));
    request.onload = () => {
      if (request.status === 401) $("token-label").hidden = false;
      let body = {};
      try {
        body = JSON.parse(request.responseText);
      } catch {
        body = { error: `the gateway answered ${request.status}.` };
      }
      if (request.status >= 400) reject(new Error(body.error));
      else resolve({ status: request.status, body, job: request.getResponseHeader("location") });
    };
    const form = new FormData();
    form.append("file", file, file.name);
    request.send(form);
  });
}

async function loadModels() {
  try {
    const { models } = await (await call("/models")).json();
    $("model").replaceChildren();
    for (const { name, versions } of models) {
      $("model").add(new Option(versions.length ? `${name}, newest` : name, name));
      for (const version of versions.length > 1 ? versions : []) {
        $("model").add(new Option(`${name}, version ${version}`, `${name}&version=${version}`));
      }
    }
    const problem = models.find((model) => model.error);
    if (problem) complain(problem.error);
  } catch (error) {
    complain(error.message);
  }
}

// ------------------------------------------------------------- from file to captions

async function captionFile(file) {
  const number = (state.wanted += 1);
  cancelJob();
  $("problem").hidden = true;
  $("result").hidden = true;
  doing("Sending …", null);
  const [name, version] = $("model").value.split("&version=");
  const query = new URLSearchParams({ attention: true, top_k: TOP_K, wait: 1, segments: $("segments").value });
  if (name) query.set("model", name);
  if (version) query.set("version", version);
  try {
    const sent = await upload(file, query, (share) =>
      doing(share < 1 ? "Sending …" : "Looking …", share < 1 ? share : null));
    if (number !== state.wanted) return;
    state.job = sent.job ?? "";
    const captions = sent.status === 202 ? await finished(number) : sent.body;
    if (captions && number === state.wanted) show(file, captions);
  } catch (error) {
    if (number === state.wanted) complain(error.message);
  } finally {
    if (number === state.wanted) {
      state.request = null;
      $("progress").hidden = true;
    }
  }
}

async function finished(number) {
  const job = state.job;
  for (;;) {
    const { status, done, total } = await (await call(job)).json();
    if (number !== state.wanted) return null;
    if (!["waiting", "running"].includes(status)) break;
    const text = status === "waiting" ? "Waiting for others …" : "Looking …";
    doing(total > 1 ? `${text} ${done} of ${total} clips` : text, total > 1 ? done / total : null);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return (await call(`${job}/result?attention=true&top_k=${TOP_K}`)).json();
}

function cancelJob() {
  state.request?.abort();
  state.request = null;
  if (state.job) call(state.job, { method: "DELETE" }).catch(() => {}); // it may be gone
  state.job = "";
}

function doing(text, share) {
  $("progress").hidden = false;
  if ($("doing").textContent !== text) $("doing").textContent = text;
  if (share === null) $("bar").removeAttribute("value");
  else $("bar").value = share;
}

function complain(sentence) {
  $("problem").textContent = sentence;
  $("problem").hidden = false;
}

// --------------------------------------------------------------------- what is shown

function show(file, captions) {
  Object.assign(state, { captions, segment: 0, word: 0 });
  if (state.url) URL.revokeObjectURL(state.url);
  state.url = URL.createObjectURL(file);
  const isPicture = captions.media_type.startsWith("image/") && captions.media_type !== "image/gif";
  state.plays = !isPicture;
  $("video").hidden = isPicture;
  $("picture").hidden = !isPicture;
  $("still").hidden = true;
  const shape = captions.width / captions.height;
  $("stage").style.maxWidth = `max(16rem, calc(60vh * ${shape}))`; // the words stay in sight
  if (isPicture) {
    $("picture").src = state.url;
    $("picture").alt = captions.segments[0].captions[0]?.caption ?? "";
    $("video").removeAttribute("src");
  } else {
    $("video").src = state.url;
    addSubtitles(captions.segments);
  }
  const { name, version } = captions.model;
  $("about").textContent =
    `${captions.clip}, captioned by ${name}${version === null ? "" : `, version ${version}`}`;
  $("done").textContent = "";
  showTimeline(captions.segments);
  $("result").hidden = false;
  showSegment(0);
  $("result").scrollIntoView({ block: "start" });
}

function addSubtitles(segments) {
  const video = $("video");
  for (const track of video.textTracks) track.mode = "disabled";
  if (segments.length < 2) return;
  const track = video.addTextTrack("captions", "Captions", "en");
  for (const { start, end, captions } of segments) {
    if (captions.length && end !== null) track.addCue(new VTTCue(start, end, captions[0].caption));
  }
  track.mode = "showing";
}

function showTimeline(segments) {
  const several = segments.length > 1;
  $("timeline").hidden = $("timeline-title").hidden = !several;
  $("timeline").replaceChildren();
  if (!several) return;
  const length = segments.at(-1).end ?? 1;
  segments.forEach((segment, index) => {
    const button = document.createElement("button");
    const time = document.createElement("time");
    time.textContent = `${clock(segment.start)} to ${clock(segment.end)}`;
    const place = document.createElement("span");
    place.className = "bar";
    const filled = document.createElement("i");
    filled.style.left = `${(100 * segment.start) / length}%`;
    filled.style.width = `${(100 * (segment.end - segment.start)) / length}%`;
    place.append(filled);
    button.append(time, segment.captions[0]?.caption ?? segment.error, place);
    button.type = "button";
    button.addEventListener("click", () => {
      showSegment(index);
      seek(segment.start);
    });
    const item = document.createElement("li");
    item.append(button);
    $("timeline").append(item);
  });
}

function showSegment(index) {
  const segment = state.captions.segments[index];
  Object.assign(state, { segment: index, word: -1 });
  [...$("timeline").querySelectorAll("button")].forEach((button, number) =>
    button.setAttribute("aria-current", number === index));
  const [best, ...others] = segment.captions;
  $("words").replaceChildren();
  $("when").replaceChildren();
  $("look").textContent = segment.error || segment.reason || "";
  (best?.words ?? []).forEach((word, number) => {
    setTimeout(() => {
      if (state.captions.segments[state.segment] === segment) addWord(best, word, number);
    }, reduced() ? 0 : number * REVEAL_MS);
  });
  $("others").replaceChildren();
  $("others-title").hidden = !others.length;
  for (const { caption, confidence } of others) {
    const item = document.createElement("li");
    item.textContent = `${caption} (${percent(confidence)} a word)`;
    $("others").append(item);
  }
  const found = attention.maps(segment.attention);
  $("map").replaceChildren(...found.map((name) => new Option(name, name)));
  $("map-label").hidden = found.length < 2;
  $("flow-label").hidden = !segment.flow.length;
  paint();
}

function addWord(caption, { word, probability }, number) {
  const sure = probability ?? caption.confidence;
  const button = document.createElement("button");
  const small = document.createElement("small");
  small.textContent = percent(sure);
  button.type = "button";
  button.className = "word new";
  button.append(word, small);
  button.setAttribute("aria-label", `${word}, ${percent(sure)} sure`);
  button.setAttribute("aria-pressed", "false");
  for (const event of ["mouseenter", "focus", "click"]) {
    button.addEventListener(event, () => choose(number));
  }
  const item = document.createElement("li");
  item.append(button);
  $("words").append(item);
}

function choose(number) {
  if (number === state.word) return;
  state.word = number;
  const segment = state.captions.segments[state.segment];
  const buttons = [...$("words").querySelectorAll("button")];
  buttons.forEach((button, index) => button.setAttribute("aria-pressed", index === number));
  const steps = attention.stepsOf(segment.attention, number);
  const step = attention.strongest(steps);
  const word = segment.captions[0].words[number].word;
  $("when").replaceChildren();
  if (step !== null) {
    const [begin, end] = steps.spans[step];
    const from = begin + segment.start;
    $("look").textContent =
      `“${word}”: the model looked most at ${from.toFixed(1)} to ${(end + segment.start).toFixed(1)} s`;
    if ($("video").paused) seek(from + (end - begin) / 2);
    showBars(steps, segment);
  } else {
    $("look").textContent = attention.maps(segment.attention).length
      ? `“${word}”: the model looked where the picture is bright` : "";
  }
  paint();
}

function showBars({ spans, weights }, segment) {
  const length = segment.end === null ? spans.at(-1)[1] : segment.end - segment.start;
  const most = Math.max(...weights, 1e-9);
  spans.forEach(([begin, end], index) => {
    const bar = document.createElement("span");
    bar.style.left = `${(100 * begin) / length}%`;
    bar.style.width = `${(100 * (end - begin)) / length}%`;
    bar.style.height = `${(100 * weights[index]) / most}%`;
    $("when").append(bar);
  });
}

// ------------------------------------------------------------------- over the video

function second() {
  const segment = state.captions.segments[state.segment];
  const steps = attention.stepsOf(segment.attention, Math.max(0, state.word));
  const step = attention.strongest(steps);
  if (!state.plays) return step === null ? 0 : (steps.spans[step][0] + steps.spans[step][1]) / 2;
  return $("video").currentTime - segment.start;
}

function seek(moment) {
  if (state.plays) $("video").currentTime = moment;
  else paint();
}

function paint() {
  const { captions } = state;
  const canvas = $("overlay");
  const shown = state.plays ? $("video") : $("picture");
  canvas.width = shown.clientWidth;
  canvas.height = shown.clientHeight;
  if (!captions) return;
  const segment = captions.segments[state.segment];
  const context = canvas.getContext("2d");
  const now = second();
  if (!$("still").hidden) showStill(segment, now);
  if ($("show-flow").checked && segment.flow.length) paintFlow(context, canvas, segment, now);
  const entry = segment.attention[$("map").value];
  canvas.dataset.map = "";
  if ($("show-heat").checked && entry && state.word >= 0) {
    const cells = attention.cellsAt(entry, state.word, now);
    if (cells) {
      attention.draw(context, canvas.width, canvas.height, entry, cells);
      canvas.dataset.map = $("map").value;
    }
  }
}

function paintFlow(context, canvas, segment, now) {
  const step = attention.stepAt(segment.flow.map(({ span }) => span), now);
  const { picture, seen: [top, left, bottom, right] } = segment.flow[step];
  const image = new Image();
  image.src = picture;
  const put = () => {
    context.globalAlpha = 0.6;
    context.drawImage(
      image, left * canvas.width, top * canvas.height,
      (right - left) * canvas.width, (bottom - top) * canvas.height);
    context.globalAlpha = 1;
  };
  if (image.complete) put();
  else image.decode().then(put, () => {});
}

function showStill(segment, now) {
  const near = (frame) => Math.abs(frame.second - now);
  const [first, ...rest] = segment.frames;
  if (first) $("picture").src = rest.reduce((a, b) => (near(b) < near(a) ? b : a), first).picture;
}

function follow() {
  const { captions } = state;
  if (captions && state.plays && captions.segments.length > 1) {
    const now = $("video").currentTime;
    const index = captions.segments.findIndex(({ start, end }) => start <= now && now < end);
    if (index >= 0 && index !== state.segment && !$("video").paused) showSegment(index);
  }
  paint();
  if (!$("video").paused) requestAnimationFrame(follow);
}

function percent(share) {
  return `${Math.round(100 * share)} %`;
}

function clock(seconds) {
  const whole = Math.floor(seconds ?? 0);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function reduced() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

// -------------------------------------------------------------------------- events

$("file").addEventListener("change", () => {
  if ($("file").files.length) captionFile($("file").files[0]);
  $("file").value = ""; // the same file may be chosen again
});
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragenter" || kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files.length) captionFile(event.dataTransfer.files[0]);
  });
}
$("choose").addEventListener("submit", (event) => event.preventDefault());
$("camera").addEventListener("click", () => recordCamera($("camera")).then(
  (file) => file && captionFile(file),
  (error) => complain(`the camera cannot be used: ${error.message}.`)));
$("cancel").addEventListener("click", () => {
  state.wanted += 1;
  cancelJob();
  $("progress").hidden = true;
  $("file").focus();
});
$("token").addEventListener("change", () => {
  sessionStorage.setItem("token", $("token").value.trim());
  $("problem").hidden = true;
  loadModels();
});
$("video").addEventListener("error", () => {
  if (!$("video").getAttribute("src")) return;
  state.plays = false;
  $("still").hidden = false;
  $("video").hidden = true;
  $("picture").hidden = false;
  $("picture").alt = "A frame of the video";
  paint();
});
for (const kind of ["play", "seeked", "loadeddata"]) $("video").addEventListener(kind, follow);
$("picture").addEventListener("load", () => $("still").hidden && paint());
for (const id of ["show-heat", "show-flow", "map"]) $(id).addEventListener("change", paint);
addEventListener("resize", paint);
$("words").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const buttons = [...$("words").querySelectorAll("button")];
  const next = buttons[buttons.indexOf(document.activeElement) + step];
  if (step && next) next.focus();
});
$("copy").addEventListener("click", async () => {
  const lines = state.captions.segments.map(({ captions }) => captions[0]?.caption).filter(Boolean);
  try {
    await navigator.clipboard.writeText(lines.join("\n"));
    $("done").textContent = "Copied";
  } catch {
    $("done").textContent = "This browser does not let pages copy";
  }
});
$("download").addEventListener("click", async () => {
  try {
    const text = await (await call(`${state.job}/result?format=vtt`)).blob();
    const link = document.createElement("a");
    link.href = URL.createObjectURL(text);
    link.download = `${state.captions.clip.replace(/\.[^.]*$/, "")}.vtt`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    $("done").textContent = `Downloaded ${link.download}`;
  } catch (error) {
    complain(error.message);
  }
});
loadModels();
