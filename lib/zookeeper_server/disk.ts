/**
 * Where the files of a data directory are: on the system's disk, or a simulated one. Which one it is holds for the whole
 * process and is chosen before a server is started; nothing else chooses but a simulation.
 *
 * What a file holds is on disk after {@link DiskFile.sync}; that it is there, under its name, after
 * {@link Disk.syncDirectory}.
 */
import { dirname } from "node:path";

/** A file that is written from its end on. */
export interface DiskFile extends Disposable {
  /** Appends all of it. */
  write(bytes: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  close(): void;
}

/** The files that a data directory needs. Everything rejects as the system's calls do. */
export interface Disk {
  /** With those above it, unless it is there. It is on disk then. */
  makeDirectory(path: string): Promise<void>;
  /** Have a lock for as long as it is open. @returns undefined when another process has it */
  lock(path: string): Promise<Disposable | undefined>;
  /** The names in a directory, in any order. */
  list(directory: string): Promise<string[]>;
  read(path: string): Promise<Uint8Array>;
  /** A new file. @throws when there is one of that name */
  create(path: string): Promise<DiskFile>;
  /** In the place of one of the new name, if there is one; who has it open goes on with it. */
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  syncDirectory(directory: string): Promise<void>;
}

/** The files hold session passwords and data that access control lists protect. */
const PRIVATE = 0o600;
const PRIVATE_DIRECTORY = 0o700;
/** Small writes only copy into the page cache: not worth a round trip to another thread. */
const SMALL_WRITE = 1 << 16;

class NativeFile implements DiskFile {
  constructor(readonly file: Deno.FsFile) {}

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const rest = bytes.subarray(at);
      at += rest.length <= SMALL_WRITE ? this.file.writeSync(rest) : await this.file.write(rest);
    }
  }

  sync(): Promise<void> {
    return this.file.syncData();
  }

  close(): void {
    this.file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Whether the disk itself has failed, or has no room: the system's EIO, ENOSPC, EDQUOT. */
function isOfDisk(error: unknown): boolean {
  return error instanceof Error && /os error (5|28|122)\b/.test(error.message);
}

const native: Disk = {
  async makeDirectory(path) {
    await Deno.mkdir(path, { recursive: true, mode: PRIVATE_DIRECTORY });
    // Whoever has made them may have been killed before their names were on disk.
    for (let at = path; dirname(at) !== at; at = dirname(at)) {
      try {
        await this.syncDirectory(dirname(at));
      } catch (error) {
        // Those that may not be opened, or that nobody can sync, were not made by us.
        if (isOfDisk(error)) throw error;
      }
    }
  },
  async lock(path) {
    const file = await Deno.open(path, { create: true, write: true, mode: PRIVATE });
    try {
      if (await file.tryLock(true)) return file;
    } catch (error) {
      file.close();
      throw error;
    }
    file.close();
    return undefined;
  },
  list: async (directory) => (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name),
  read: (path) => Deno.readFile(path),
  create: async (path) =>
    new NativeFile(await Deno.open(path, { createNew: true, write: true, mode: PRIVATE })),
  rename: (from, to) => Deno.rename(from, to),
  remove: (path) => Deno.remove(path),
  async syncDirectory(directory) {
    // Windows has no such call and needs none.
    if (Deno.build.os === "windows") return;
    using opened = await Deno.open(directory);
    await opened.sync();
  },
};
let present = native;

/** Have files from somewhere else from now on; without an argument, from the system again. */
export function useDisk(disk: Disk = native): void {
  present = disk;
}

/** The disk that is in use. */
export function disk(): Disk {
  return present;
}
