/**
 * Multi-broker publish/subscribe with quality of service: zones with elected brokers, ownership strength, history,
 * lossless streams, on ZeroMQ and ZooKeeper.
 *
 * @module
 */
export {
  BackupPool,
  type BackupPoolEvent,
  type BackupPoolOptions,
  type BackupPoolStats,
} from "./pool/backup_pool.ts";
export type { DeskEvent } from "./broker/desk_owner.ts";
export { Broker } from "./broker/broker.ts";
export type { BrokerEvent, BrokerOptions, BrokerStats } from "./broker/broker_options.ts";
export type { DrainReport } from "./client/farewell.ts";
export { Publisher } from "./client/publisher.ts";
export type { PublisherOptions } from "./client/publisher_options.ts";
export type { Undelivered } from "./stream/undelivered.ts";
export { Subscriber } from "./client/subscriber.ts";
export type { SubscriberOptions, SubscriberStats } from "./client/subscriber_options.ts";
export type { ClientEvent, ClientOptions, CommonOptions, Failover } from "./model/client_options.ts";
export type { Assignment } from "./model/zone_choice.ts";
export type { PoolMember, PoolZone, ScalingStep } from "./pool/scaling_plan.ts";
export type { SelfCommand } from "./base/self_command.ts";
export type { Missing } from "./stream/debts.ts";
export type { Tally } from "./stream/failover_log.ts";
export type { BrokerRecord, Mismatch, Ownership } from "./wire/control.ts";
export type { ClockEstimate } from "./control/control_client.ts";
export type { Sample, SampleBatch, StreamName } from "./wire/batch.ts";
export {
  type CoordinationCode,
  CoordinationError,
  DeadlineError,
  FormatError,
  PubsubError,
  StuckError,
  UsageError,
} from "./base/errors.ts";
export type { Limits } from "./zookeeper_server/limits.ts";
export { ZooKeeperServer } from "./zookeeper_server/server.ts";
export type { ServerOptions, ServerStats } from "./zookeeper_server/server_options.ts";
