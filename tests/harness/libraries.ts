/**
 * Loaded before a test file (`--preload`): what is opened once and stays open as long as the process lives, so that what a
 * test leaves open is its own.
 */
import { connectionsTo } from "../../lib/zmq/connections.ts";
import { giveBackMemory } from "../../lib/zmq/native_memory.ts";
import { Socket } from "../../lib/zmq/socket.ts";
import { unrestricted } from "./permissions.ts";

if (unrestricted) {
  const socket = new Socket("xpub");
  socket.bind("tcp://127.0.0.1:*");
  await socket[Symbol.asyncDispose]();
  connectionsTo(new Set());
  await giveBackMemory();
}
