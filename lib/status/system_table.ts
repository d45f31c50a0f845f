/** The system as text for a terminal: one table a kind, aligned, every line complete by itself. Pure. */
import stringWidth from "string-width";
import { formatClock } from "../model/clock_notices.ts";
import { mismatchText } from "../model/match.ts";
import { printable } from "../base/printable.ts";
import { POOL_COLUMNS, poolRows, stepLines } from "./scaling_view.ts";
import type { SystemView } from "./system_view.ts";
import type { SeenFailover, ZoneHealth } from "../model/zone_health.ts";

/** What the clients tell, and the primaries that did not say. */
export interface ToldHealth extends ZoneHealth {
  readonly unanswered: readonly string[];
}

/** Clients that are named with a peer that they do not reach. */
const NAMED_CLIENTS = 5;

/** The lines that `pubsub status` prints. */
export function systemTable(view: SystemView, health?: ToldHealth): string[] {
  const clients = view.publishers.length + view.subscribers.length;
  const lines = [
    `load ${view.load === null ? "unknown" : Number(view.load.toFixed(2))}: ${
      amount(clients, "client")
    } in ` +
    `${amount(view.zones.filter(({ primary }) => primary !== null).length, "zone")} with a primary`,
  ];
  if (view.zones.length > 0) lines.push("", ...zoneTable(view));
  if (view.scaling.pools.length > 0) lines.push("", ...columns([...POOL_COLUMNS], poolRows(view.scaling)));
  const steps = stepLines(view.scaling);
  if (steps.length > 0) lines.push("", "LAST STEPS", ...steps.map((step) => printable(step)));
  if (clients > 0) lines.push("", ...clientTable(view));
  if (view.topics.length > 0) lines.push("", ...topicTable(view));
  if (view.mismatches.length > 0) {
    lines.push("", "MISMATCHES", ...view.mismatches.map((mismatch) => printable(mismatchText(mismatch))));
  }
  if (health) lines.push(...healthLines(health));
  if (view.invalid.length > 0) {
    lines.push(
      "",
      "UNREADABLE RECORDS",
      ...view.invalid.map((line) => printable(line)),
    );
  }
  return lines;
}

function zoneTable(view: SystemView): string[] {
  return columns(
    ["ZONE", "PRIMARY", "EPOCH", "CONTROL", "STANDBYS", "PUBLISHERS", "SUBSCRIBERS"],
    view.zones.map((zone) => [
      String(zone.zone),
      zone.primary?.id ?? "none",
      zone.epoch ?? "-",
      zone.primary?.control ?? "-",
      zone.standbys.map(({ id }) => id).join(", ") || "none",
      String(zone.publishers),
      String(zone.subscribers),
    ]),
  );
}

function clientTable(view: SystemView): string[] {
  const how = (centralized: boolean | null) =>
    centralized === null ? "as broker says" : centralized ? "centralized" : "direct";
  return columns(
    ["CLIENT", "ROLE", "ZONE", "TOPICS", "HISTORY", "OWNERSHIP", "MODE", "MATCHES", "ADDRESS"],
    [
      ...view.publishers.map((client) => [
        client.id,
        "publisher",
        String(client.zone),
        client.topics.join(", "),
        `offered ${client.history}`,
        client.ownership === "exclusive" ? `exclusive, strength ${client.strength}` : client.ownership,
        client.centralized ? "anonymous" : "any",
        String(client.matches),
        client.address || "-",
      ]),
      ...view.subscribers.map((client) => [
        client.id,
        "subscriber",
        String(client.zone),
        client.topics.join(", "),
        `requested ${client.history}`,
        client.ownership,
        how(client.centralized),
        String(client.matches),
        client.address || "-",
      ]),
    ],
  );
}

function topicTable(view: SystemView): string[] {
  return columns(
    ["TOPIC", "OWNER", "STRENGTH", "EPOCH", "CONTENDERS"],
    view.topics.map(({ topic, owner, strength, epoch, contenders }) => [
      topic,
      owner ?? "none",
      strength === null ? "-" : String(strength),
      epoch ?? "-",
      String(contenders),
    ]),
  );
}

function healthLines(health: ToldHealth): string[] {
  const { slow, unreached, clocks, failovers, unrecorded, unanswered } = health;
  const lines: string[] = [];
  if (unreached.length > 0) {
    lines.push("", ...columns(["NO CONNECTION TO", "AT", "FOR", "CLIENTS"], unreachedRows(unreached)));
  }
  if (slow.length > 0) {
    const rows = slow.map(({ publisher, subscribers }) => [publisher, subscribers.join(", ")]);
    lines.push("", ...columns(["PUBLISHER", "SLOW: NOT WAITED FOR"], rows));
  }
  if (clocks.length > 0) {
    const rows = clocks.map(({ client, ...clock }) => [client, formatClock(clock)]);
    lines.push("", ...columns(["CLIENT", "ITS CLOCK IS, BY ITS BROKER'S"], rows));
  }
  if (failovers.length > 0) {
    lines.push(
      "",
      ...columns(
        ["LAST FAILOVERS", "SUBSCRIBER", "EVENT", "WHAT", "DETECTED", "DATA BACK", "CONTROL BACK", "SAMPLES"],
        failovers.map(failoverRow),
      ),
    );
  }
  if (unrecorded.length > 0) {
    lines.push("", "REGISTERED WITHOUT A RECORD, MATCHED WITH NOBODY", printable(unrecorded.join(", ")));
  }
  for (const broker of unanswered) {
    lines.push("", `${printable(broker)} does not answer: nothing is known of its clients' health`);
  }
  return lines;
}

/** One row for each who is not reached, with those who do not reach it. */
function unreachedRows(unreached: ZoneHealth["unreached"]): string[][] {
  // A subscriber was to join each publisher at that one's own address.
  const where = ({ kind, endpoint }: ZoneHealth["unreached"][number]) =>
    kind === "subscriber" ? "" : endpoint;
  const peers = Map.groupBy(unreached, (peer) => `${peer.kind} ${peer.id} ${where(peer)}`);
  return [...peers.values()].map((all) => {
    const { kind, id } = all[0]!;
    const clients = all.slice(0, NAMED_CLIENTS).map(({ client }) => client).join(", ");
    const more = all.length > NAMED_CLIENTS ? ` and ${all.length - NAMED_CLIENTS} more` : "";
    return [
      kind === "subscriber" ? `subscriber ${id}, which has not joined` : `${kind} ${id}`.trimEnd(),
      where(all[0]!) || "-",
      `${Math.round(Math.max(...all.map(({ seconds }) => seconds)))} s`,
      clients + more,
    ];
  });
}

function failoverRow(failover: SeenFailover): string[] {
  const { time, subscriber, event, what, recovered, lost, duplicates, reordered } = failover;
  const ms = (value: number | null) => value === null ? "-" : `${Math.round(value)} ms`;
  // A time that no calendar has must not end the command.
  const date = new Date(time);
  return [
    Number.isNaN(date.getTime()) ? "-" : date.toISOString(),
    subscriber,
    event.replace("_", " "),
    what,
    ms(failover.detected_ms),
    ms(failover.data_back_ms),
    ms(failover.control_back_ms),
    `${recovered} recovered, ${lost} lost, ${duplicates} double, ${reordered} out of order`,
  ];
}

function columns(header: string[], rows: string[][]): string[] {
  const table = [header, ...rows.map((row) => row.map((cell) => printable(cell)))];
  // In a terminal's columns: a wide character takes two, a combining one none.
  const widths = header.map((_, i) => Math.max(...table.map((row) => stringWidth(row[i]!))));
  const padded = (cell: string, width: number) => cell + " ".repeat(width - stringWidth(cell));
  return table.map((row) => row.map((cell, i) => padded(cell, widths[i]!)).join("  ").trimEnd());
}

function amount(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}
