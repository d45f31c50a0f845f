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
export { Broker, type BrokerEvent, type BrokerOptions, type BrokerStats } from "./broker/broker.ts";
export { type DrainReport, Publisher, type PublisherOptions, type Undelivered } from "./client/publisher.ts";
export { Subscriber, type SubscriberOptions, type SubscriberStats } from "./client/subscriber.ts";
export type { ClientEvent, ClientOptions, CommonOptions, Failover } from "./model/client_options.ts";
export type { ClockEstimate } from "./control/control_client.ts";
export type { Sample, SampleBatch } from "./wire/batch.ts";
export {
  CoordinationError,
  DeadlineError,
  FormatError,
  PubsubError,
  StuckError,
  UsageError,
} from "./base/errors.ts";
export { type ServerOptions, ZooKeeperServer } from "./zookeeper_server/server.ts";
