/**
 * Files that are whole or not there: what a full disk interrupts leaves no half a line and no half a file.
 */

/**
 * Puts `text` into the file at `path` in place of what it held: all of it, or, when that fails, nothing of it. What is
 * no file, such as a device or a pipe, is written to.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const target = await Deno.realPath(path).catch(() => path);
  const old = await Deno.stat(target).catch(() => undefined);
  if (old !== undefined && !old.isFile) return await Deno.writeTextFile(target, text);
  const part = `${target}.${Deno.pid}.part`;
  try {
    await Deno.writeTextFile(part, text, old?.mode == null ? {} : { mode: old.mode & 0o777 });
    await Deno.rename(part, target);
  } catch (error) {
    await Deno.remove(part).catch(() => {});
    throw error;
  }
}

/** Adds `line` to the file at `path`: all of it, or, when that fails, nothing of it. */
export async function appendLine(path: string, line: string): Promise<void> {
  const file = await Deno.open(path, { append: true });
  try {
    const { size } = await file.stat();
    const bytes = new TextEncoder().encode(line + "\n");
    try {
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    } catch (error) {
      // Not possible where it is no file: then there is nothing to take back either.
      await file.truncate(size).catch(() => {});
      throw error;
    }
  } finally {
    file.close();
  }
}
