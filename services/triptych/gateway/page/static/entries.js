// The files of a drop or of a picker, folders included, each with its path.

const HIDDEN = /(^|\/)(\.|__MACOSX|@eaDir|#recycle|Thumbs\.db$|desktop\.ini$)/;

/** Files of pickers: {path, file}. */
export const picked = (files) => [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file })).filter(({ path }) => !HIDDEN.test(path));

/** Files of a drop: {path, file}; folders are walked through. */
export async function dropped(transfer) {
  // The entries must be asked for before anything is awaited.
  const roots = [...transfer.items].filter(({ kind }) => kind === "file").map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const found = [];
  for (const root of roots.filter(Boolean)) await walk(root, found);
  return found.filter(({ path }) => !HIDDEN.test(path));
}

async function walk(entry, found) {
  if (entry instanceof File) found.push({ path: entry.name, file: entry });
  else if (entry.isFile) found.push({ path: entry.fullPath.slice(1), file: await new Promise((resolve, reject) => entry.file(resolve, reject)) });
  else {
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) break; // a reader gives a hundred at once
      for (const one of some) await walk(one, found);
    }
  }
}
