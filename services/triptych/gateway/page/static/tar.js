// Files as one TAR that is never made as a whole: a Blob of headers and of the files where they lie.

const BLOCK = 512;
const encoder = new TextEncoder();

/** A TAR of entries {path, file}; the browser reads the files piece by piece as they are sent. */
export function tar(entries) {
  const pieces = [];
  for (const { path, file } of entries) {
    const name = encoder.encode(path);
    const modified = Math.max(0, Math.floor((file.lastModified || 0) / 1000));
    if (name.length > 100 || name.length !== path.length || file.size >= 8 ** 11) {
      const records = encoder.encode(record("path", path) + record("size", String(file.size)));
      pieces.push(header(encoder.encode("PaxHeader"), records.length, modified, "x"), records, padding(records.length));
    }
    pieces.push(header(name.slice(0, 100), file.size, modified, "0"), file, padding(file.size));
  }
  pieces.push(new Uint8Array(2 * BLOCK));
  return new Blob(pieces, { type: "application/x-tar" });
}

const padding = (size) => new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);

/** A record of PAX: its own length in decimal, which counts its own digits. */
function record(key, value) {
  const rest = encoder.encode(` ${key}=${value}\n`).length;
  let length = rest + String(rest).length;
  if (rest + String(length).length !== length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

function header(name, size, modified, kind) {
  const block = new Uint8Array(BLOCK);
  const put = (at, text) => block.set(encoder.encode(text), at);
  const octal = (value, digits) => value.toString(8).padStart(digits, "0");
  block.set(name, 0);
  put(100, "0000644\0");
  put(108, "0000000\0");
  put(116, "0000000\0");
  put(124, `${octal(Math.min(size, 8 ** 11 - 1), 11)}\0`);
  put(136, `${octal(modified, 11)}\0`);
  put(148, "        ");
  put(156, kind);
  put(257, "ustar\x0000");
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(148, `${octal(sum, 6)}\0 `);
  return block;
}
