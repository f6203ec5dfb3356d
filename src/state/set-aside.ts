/** Folders of stores that are damaged: the mark that condemns one, and the move that keeps it for a look. */
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** A file in the folder of a store. Its text is why the store is not to be used again. */
const MARK = 'DAMAGED';
/** Older ones are removed: a disk that goes bad must not fill itself with what it broke. */
const KEPT = 2;

/** The file system's name for a folder, which follows it when it is renamed; undefined where there is none. */
export async function identityOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.ino;
}

export async function mark(path: string, detail: string): Promise<void> {
  await writeFile(join(path, MARK), `${detail}\n`);
}

export async function readMark(path: string): Promise<string | undefined> {
  return (await readFile(join(path, MARK), 'utf8').catch(() => undefined))?.trimEnd();
}

/**
 * Renames the folder to `<name>.damaged-<UTC time>`, and removes such folders of before but for one.
 * @param identity of the folder that was found damaged: another process may have found it too and put a new one in its place
 * @returns where it is now; undefined if it was no longer there
 */
export async function moveAside(path: string, identity: number | undefined): Promise<string | undefined> {
  const prefix = `${basename(path)}.damaged-`;
  const older = (await readdir(dirname(path))).filter((name) => name.startsWith(prefix)).toSorted();
  for (const name of older.slice(0, Math.max(0, older.length - KEPT + 1))) {
    await rm(join(dirname(path), name), { recursive: true, force: true });
  }
  const target = join(dirname(path), `${prefix}${new Date().toISOString().replaceAll(/[-:.]/g, '')}`);
  if ((await identityOf(path)) !== identity) return undefined;
  await rename(path, target);
  return target;
}
