/*
 * One publisher, subscriber or proxy on plain libzmq: PUB and SUB sockets with no-drop, no numbering, no repair,
 * no flow control but TCP's. Says and checks the same as the clients in TypeScript (lib/bench/sample.ts).
 *
 *   libzmq proxy                                                   prints "proxy <ingress> <egress>"
 *   libzmq publisher INDEX PUBLISHERS PAYLOAD RATE SUBSCRIPTIONS bind|connect ENDPOINT
 *   libzmq subscriber INDEX PUBLISHERS PAYLOAD RATE ENDPOINT...
 *
 * A publisher is ready when it has seen that many subscriptions (through a proxy: one, for all). RATE 0: flat out.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <zmq.h>

#define CHECK 0x5bd1e995u
#define LAST 0x80000000u
#define FILLING 24
#define LONGEST_US 2000000
#define SILENCE_MS 3000

static void must(int ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "%s: %s\n", what, zmq_strerror(zmq_errno()));
  exit(1);
}

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void sleep_until(double ms) {
  struct timespec t = {(time_t)(ms / 1e3), 0};
  t.tv_nsec = (long)((ms - t.tv_sec * 1e3) * 1e6);
  while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL) == EINTR) {
  }
}

static double go_start, go_from, go_to;

static void ready_then_go(void) {
  char line[512];
  printf("{\"type\":\"ready\"}\n");
  fflush(stdout);
  must(fgets(line, sizeof line, stdin) != NULL, "the driver is gone");
  char *start = strstr(line, "\"start\":"), *from = strstr(line, "\"from\":"), *to = strstr(line, "\"to\":");
  must(start && from && to, "no start signal");
  go_start = strtod(start + 8, NULL);
  go_from = strtod(from + 7, NULL);
  go_to = strtod(to + 5, NULL);
}

static void *open_socket(void *context, int type) {
  void *socket = zmq_socket(context, type);
  must(socket != NULL, "socket");
  int one = 1, linger = 5000;
  zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
  if (type == ZMQ_XPUB) zmq_setsockopt(socket, ZMQ_XPUB_NODROP, &one, sizeof one);
  return socket;
}

static void bind_any(void *socket, char *endpoint, size_t size) {
  must(zmq_bind(socket, "tcp://127.0.0.1:*") == 0, "bind");
  zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size);
}

static void run_proxy(void *context) {
  void *front = open_socket(context, ZMQ_XSUB), *back = open_socket(context, ZMQ_XPUB);
  char ingress[256], egress[256];
  bind_any(front, ingress, sizeof ingress);
  bind_any(back, egress, sizeof egress);
  printf("proxy %s %s\n", ingress, egress);
  fflush(stdout);
  zmq_proxy(front, back, NULL);
}

static void put32(unsigned char *at, uint32_t value) { memcpy(at, &value, 4); }
static uint32_t get32(const unsigned char *at) {
  uint32_t value;
  memcpy(&value, at, 4);
  return value;
}

/* Whether the filling is what belongs to that number. */
static int is_filled(const unsigned char *bytes, size_t size, uint32_t sequence) {
  unsigned char byte = (unsigned char)(sequence >> 8), wrong = 0;
  for (size_t i = FILLING; i < size - 4; i++) wrong |= bytes[i] ^ byte;
  return wrong == 0;
}

static uint32_t published;

static void send_sample(void *socket, uint32_t source, size_t size, double intended, double sent) {
  uint32_t sequence = published++;
  zmq_msg_t message;
  must(zmq_msg_init_size(&message, size) == 0, "message");
  unsigned char *bytes = zmq_msg_data(&message);
  put32(bytes, source);
  put32(bytes + 4, sequence);
  memcpy(bytes + 8, &intended, 8);
  memcpy(bytes + 16, &sent, 8);
  if (size > FILLING + 4) memset(bytes + FILLING, (int)(sequence >> 8 & 255), size - FILLING - 4);
  put32(bytes + size - 4, sequence ^ CHECK);
  must(zmq_msg_send(&message, socket, 0) >= 0, "send");
}

static void publisher(void *context, uint32_t index, int publishers, size_t size, double rate, char **rest) {
  void *socket = open_socket(context, ZMQ_XPUB);
  int one = 1;
  zmq_setsockopt(socket, ZMQ_XPUB_VERBOSE, &one, sizeof one);
  if (strcmp(rest[1], "bind") == 0)
    must(zmq_bind(socket, rest[2]) == 0, "bind");
  else
    must(zmq_connect(socket, rest[2]) == 0, "connect");
  for (int missing = atoi(rest[0]); missing > 0; missing--) {
    char subscription[16];
    must(zmq_recv(socket, subscription, sizeof subscription, 0) >= 0, "subscription");
  }
  ready_then_go();
  sleep_until(go_start);
  if (rate > 0) {
    double interval = 1000 / rate, first = go_start + interval * index / publishers;
    for (;;) {
      double intended = first + published * interval;
      if (intended >= go_to) break;
      if (intended > now_ms()) sleep_until(intended);
      send_sample(socket, index, size, intended, now_ms());
    }
  } else {
    do {
      for (int i = 0; i < 64; i++) send_sample(socket, index, size, 0, 0);
    } while (now_ms() < go_to);
  }
  send_sample(socket, index | LAST, size, 0, 0);
  printf("{\"type\":\"published\",\"count\":%u}\n", published);
  fflush(stdout);
  zmq_close(socket);
  zmq_ctx_term(context);
}

static void count_latency(uint32_t *counts, double ms) {
  long us = (long)(ms * 1000 + 0.5);
  counts[us < 0 ? 0 : us > LONGEST_US ? LONGEST_US : us]++;
}

static void print_latency(const char *name, const uint32_t *counts) {
  const char *comma = "";
  printf(",\"%s\":[", name);
  for (int us = 0; us <= LONGEST_US; us++) {
    if (counts[us] == 0) continue;
    printf("%s[%d,%u]", comma, us, counts[us]);
    comma = ",";
  }
  printf("]");
}

static void subscriber(void *context, int publishers, size_t size, double rate, char **endpoints, int count) {
  void *socket = open_socket(context, ZMQ_SUB);
  int timeout = SILENCE_MS;
  zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0);
  for (int i = 0; i < count; i++) must(zmq_connect(socket, endpoints[i]) == 0, "connect");
  /* The subscription travels after the connection: it must be there before the first sample. */
  sleep_until(now_ms() + 300);
  ready_then_go();
  zmq_setsockopt(socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
  uint32_t *next = calloc((size_t)publishers, sizeof *next);
  uint32_t *intended_counts = calloc(LONGEST_US + 1, sizeof *intended_counts);
  uint32_t *sent_counts = calloc(LONGEST_US + 1, sizeof *sent_counts);
  unsigned long received = 0, missing = 0, repeated = 0, corrupt = 0, first_count = 0, last_count = 0;
  double first_time = 0, last_time = 0, now = 0;
  int finished = 0;
  unsigned long looked = 0;
  while (finished < publishers) {
    zmq_msg_t message;
    zmq_msg_init(&message);
    if (zmq_msg_recv(&message, socket, 0) < 0) {
      if (errno == EINTR) continue;
      if (now_ms() > go_to) break;
      continue;
    }
    if (rate > 0 || looked++ % 64 == 0) {
      now = now_ms();
      if (now >= go_from) {
        if (first_time == 0) first_time = now, first_count = received;
        if (now <= go_to || last_time == 0) last_time = now, last_count = received;
      }
    }
    const unsigned char *bytes = zmq_msg_data(&message);
    size_t length = zmq_msg_size(&message);
    uint32_t source = length == size ? get32(bytes) : 0, sequence = length == size ? get32(bytes + 4) : 0;
    uint32_t from = source & ~LAST;
    if (length != size || from >= (uint32_t)publishers || get32(bytes + size - 4) != (sequence ^ CHECK) ||
        !is_filled(bytes, size, sequence)) {
      corrupt++;
    } else if (sequence < next[from]) {
      repeated++;
    } else {
      missing += sequence - next[from];
      next[from] = sequence + 1;
      received++;
      if (rate > 0) {
        double intended, sent;
        memcpy(&intended, bytes + 8, 8);
        memcpy(&sent, bytes + 16, 8);
        if (intended >= go_from && intended < go_to) {
          count_latency(intended_counts, now - intended);
          count_latency(sent_counts, now - sent);
        }
      }
      if (source & LAST) finished++;
    }
    zmq_msg_close(&message);
  }
  printf("{\"type\":\"received\",\"received\":%lu,\"faults\":{\"missing\":%lu,\"repeated\":%lu,\"corrupt\":%lu},"
         "\"measured\":%lu,\"seconds\":%.6f",
         received, missing, repeated, corrupt, last_count - first_count, (last_time - first_time) / 1000);
  print_latency("intended", intended_counts);
  print_latency("sent", sent_counts);
  printf("}\n");
  fflush(stdout);
  exit(0);
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN);
  /* By default the kernel may wake a sleeper 50 microseconds late. */
  prctl(PR_SET_TIMERSLACK, 1ul);
  void *context = zmq_ctx_new();
  if (argc == 2 && strcmp(argv[1], "proxy") == 0) {
    run_proxy(context);
  } else if (argc == 2 && strcmp(argv[1], "version") == 0) {
    int major, minor, patch;
    zmq_version(&major, &minor, &patch);
    printf("%d.%d.%d\n", major, minor, patch);
  } else if (argc >= 7 && (strcmp(argv[1], "subscriber") == 0 || argc == 9)) {
    int publishers = atoi(argv[3]);
    size_t size = (size_t)atol(argv[4]);
    double rate = atof(argv[5]);
    if (strcmp(argv[1], "publisher") == 0) {
      publisher(context, (uint32_t)atoi(argv[2]), publishers, size, rate, argv + 6);
    } else {
      subscriber(context, publishers, size, rate, argv + 6, argc - 6);
    }
  } else {
    fprintf(stderr, "usage: see the head of the source\n");
    return 2;
  }
  return 0;
}
