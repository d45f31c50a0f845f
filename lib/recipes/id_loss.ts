/**
 * An id is one live process's. Who was out of touch with ZooKeeper for longer than its session lasts, and finds that
 * somebody else lives under its id now, ends: two must not.
 *
 * Znodes: the ephemeral record of whoever it is. One that never had its id waits for it instead, and says so
 * (`EphemeralRecord`); so does one whose record's place is taken by a persistent node, which is nobody.
 */
import { PubsubError } from "../base/errors.ts";
import type { EphemeralRecordOptions } from "./ephemeral_record.ts";

/**
 * What to do when the record is another session's.
 *
 * @param role what has the id, for people.
 * @param end called with the error, once it is certain.
 */
export function idLoss(
  role: string,
  id: string,
  end: (error: PubsubError) => void,
): NonNullable<EphemeralRecordOptions["onTaken"]> {
  return (owner, wasOurs) => {
    if (!wasOurs || owner === 0n) return false;
    end(
      new PubsubError(
        `The id ${id} belongs to another ${role} now, that of session 0x${
          owner.toString(16)
        }: this one was out of ` +
          "touch with ZooKeeper for longer than its session lasts",
      ),
    );
    return true;
  };
}
