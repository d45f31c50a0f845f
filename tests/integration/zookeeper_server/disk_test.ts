/** The files of a data directory on the system's disk: which failures above it count. */
import assert from "node:assert/strict";
import { disk } from "../../../lib/zookeeper_server/disk.ts";
import { title, unrestricted } from "../../harness/permissions.ts";

const CASES = [
  { says: "Input/output error (os error 5)", refused: true },
  { says: "No space left on device (os error 28)", refused: true },
  { says: "Disk quota exceeded (os error 122)", refused: true },
  { says: "Invalid argument (os error 22)", refused: false },
  { says: "Permission denied (os error 13)", refused: false },
  { says: "Operation not supported (os error 95)", refused: false },
  { says: "a rule that has no number", refused: false },
];

for (const { says, refused } of CASES) {
  Deno.test({
    name: title(`a directory above, whose sync says "${says}", ${refused ? "refuses a start" : "does not"}`),
    ignore: !unrestricted,
    fn: async () => {
      const root = await Deno.makeTempDir({ prefix: "pubsub-disk-test-" });
      const { sync } = Deno.FsFile.prototype;
      try {
        Deno.FsFile.prototype.sync = () => Promise.reject(new Error(says));
        const made = disk().makeDirectory(`${root}/a/b`);
        if (refused) await assert.rejects(made, (error) => error instanceof Error && error.message === says);
        else await made;
        assert.ok((await Deno.stat(`${root}/a/b`)).isDirectory);
      } finally {
        Deno.FsFile.prototype.sync = sync;
        await Deno.remove(root, { recursive: true });
      }
    },
  });
}
