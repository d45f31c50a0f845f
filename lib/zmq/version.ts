/** The version of the ZeroMQ library in use. */
import { native } from "./native.ts";

/** For example "4.3.5". */
export function zeromqVersion(): string {
  return native().version;
}
