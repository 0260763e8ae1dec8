// Records a clip with the camera: the first press of the button begins, the next ends.

const MOST_MS = 10_000;
let recorder = null;

/** Returns a recorded file, or null where the button ended a recording. */
export async function recordCamera(button) {
  if (recorder) {
    recorder.stop();
    return null;
  }
  if (!navigator.mediaDevices) throw new Error("browsers allow it over HTTPS alone");
  const stream = await navigator.mediaDevices.getUserMedia({ video: true });
  const preview = document.createElement("video");
  Object.assign(preview, { muted: true, srcObject: stream, autoplay: true, playsInline: true });
  preview.setAttribute("aria-label", "What the camera sees");
  preview.width = 240;
  button.before(preview);
  const name = button.textContent;
  button.textContent = "Stop, and caption";
  const chunks = [];
  recorder = new MediaRecorder(stream);
  recorder.ondataavailable = ({ data }) => chunks.push(data);
  const stopped = new Promise((resolve) => (recorder.onstop = resolve));
  recorder.start();
  const timer = setTimeout(() => recorder?.stop(), MOST_MS);
  await stopped;
  clearTimeout(timer);
  const type = recorder.mimeType;
  recorder = null;
  stream.getTracks().forEach((track) => track.stop());
  preview.remove();
  button.textContent = name;
  return new File(chunks, "camera.webm", { type });
}
