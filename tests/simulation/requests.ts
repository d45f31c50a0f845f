/** Counts what processes ask publishers for: who has everything has nothing to ask for. */
import type { Sockets } from "../../lib/zmq/sockets.ts";
import type { Process, World } from "./world.ts";

/** The second byte of a request, as `lib/wire/upstream.ts` has it; a subscription begins with a byte up to 1. */
const REQUEST = "Q".charCodeAt(0);

export class Requests {
  readonly #counts = new Map<Process, number>();

  /** How many a process has sent. */
  of(process: Process): number {
    return this.#counts.get(process) ?? 0;
  }

  /** Sockets that are counted at. */
  at(sockets: Sockets, world: World): Sockets {
    return {
      ...sockets,
      socket: (kind, options) => {
        const socket = sockets.socket(kind, options);
        if (kind !== "xsub") return socket;
        const process = world.current!;
        const send = socket.send.bind(socket);
        socket.send = (frames) => {
          const first = Array.isArray(frames) ? frames[0]! : frames;
          if (first[0]! > 1 && first[1] === REQUEST) this.#counts.set(process, this.of(process) + 1);
          return send(frames);
        };
        return socket;
      },
    };
  }
}
