/** Files that the page makes itself, handed to the browser to keep. */

/**
 * @param {Blob} blob
 * @param {string} name
 */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The download has begun by then, and holds what it needs.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/**
 * @param {string} text
 * @param {string} name
 * @param {string} type
 */
export const saveText = (text, name, type) => save(new Blob([text], { type }), name);

/**
 * @param {HTMLCanvasElement} canvas
 * @param {string} name
 */
export const savePicture = (canvas, name) =>
  canvas.toBlob((blob) => blob && save(blob, name), "image/png");

/**
 * A name that every file system takes: what a process is called may be anything.
 * @param {string} text
 * @param {string} extension
 */
export function fileName(text, extension) {
  const plain = text.replace(/[^A-Za-z0-9_-]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 80);
  return `${plain || "robometrics"}.${extension}`;
}
