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
} from "./backup_pool.ts";
export { Broker, type BrokerEvent, type BrokerOptions, type BrokerStats } from "./broker.ts";
export { type DrainReport, Publisher, type PublisherOptions, type Undelivered } from "./publisher.ts";
export { Subscriber, type SubscriberOptions, type SubscriberStats } from "./subscriber.ts";
export type { ClientEvent, ClientOptions, CommonOptions, Failover } from "./client_options.ts";
export type { ClockEstimate } from "./control_client.ts";
export type { Sample, SampleBatch } from "./wire/batch.ts";
export {
  CoordinationError,
  DeadlineError,
  FormatError,
  PubsubError,
  StuckError,
  UsageError,
} from "./errors.ts";
export { type ServerOptions, ZooKeeperServer } from "./zookeeper_server/server.ts";
