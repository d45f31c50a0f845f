/** The version of the ZeroMQ library in use. */
import { zmq } from "./library.ts";

/** For example "4.3.5". */
export function zeromqVersion(): string {
  const parts = [new Int32Array(1), new Int32Array(1), new Int32Array(1)] as const;
  zmq().zmq_version(...parts);
  return parts.map((part) => part[0]).join(".");
}
