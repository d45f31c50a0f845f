/** Planted faults of what the coordination server keeps: the scenario `disks` is there for them. */
import type { Mutant } from "./mutants.ts";

export const DISK_MUTANTS: readonly Mutant[] = [
  {
    name: "disk: what is answered is not synced",
    file: "zookeeper_server/journal.ts",
    text: "      await this.#segment.sync();\n",
    instead: "",
  },
  {
    name: "disk: answers do not wait for it",
    file: "zookeeper_server/output_gate.ts",
    text: "        await log.sync();\n",
    instead: "        void log.sync();\n",
  },
  {
    name: "disk: a snapshot has its name before it is there",
    file: "zookeeper_server/journal.ts",
    text: "      await file.sync();\n      await disk().rename(",
    instead: "      await disk().rename(",
  },
  {
    name: "disk: the name of a new segment is not synced",
    file: "zookeeper_server/journal.ts",
    text: "    await file.sync();\n    await disk().syncDirectory(dir);",
    instead: "    await file.sync();",
  },
  {
    name: "disk: a write that was cut off is written on after",
    file: "zookeeper_server/journal.ts",
    text: "last.subarray(0, segment.bytes)",
    instead: "last",
  },
  {
    name: "disk: what was read is taken for what is there",
    file: "zookeeper_server/journal.ts",
    text: "    await file.sync();\n    await disk().rename(`${dir}/${name}.tmp`",
    instead: "    await disk().rename(`${dir}/${name}.tmp`",
  },
  {
    name: "disk: a segment that was never begun is gone on with",
    file: "zookeeper_server/journal.ts",
    text: "const unborn = segment !== null && segment.bytes === 0;",
    instead: "const unborn = false;",
  },
  {
    name: "disk: segments are removed that no snapshot has taken the place of",
    file: "zookeeper_server/journal.ts",
    text: "if (next !== undefined && next.zxid <= oldest.zxid + 1)",
    instead: "if (next === undefined || next.zxid <= oldest.zxid + 1)",
  },
  {
    name: "disk: a snapshot lacks a session",
    file: "zookeeper_server/snapshot.ts",
    text: "for (const session of sessions) {\n      this.#sessionCount++;",
    instead: "for (const session of [...sessions].slice(1)) {\n      this.#sessionCount++;",
  },
  {
    name: "disk: the end of a session is not written",
    file: "zookeeper_server/engine.ts",
    text: "this.sink?.sessionEnded(zxid, this.wall, session.id);",
    instead: "this.sink?.tree(zxid, this.wall, []);",
  },
  {
    name: "disk: after a failure it is written on",
    file: "zookeeper_server/journal.ts",
    text: "      snapshot?.abandon();\n      throw new PubsubError(",
    instead: "      snapshot?.abandon();\n      if (!(cause instanceof Error)) throw new PubsubError(",
  },
];
