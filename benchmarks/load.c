/* load.c - puts Socket.IO traffic on a server and measures how the server copes.

   One thread, epoll, libc and zlib:  gcc -O2 -Wall -Wextra -o load load.c -lz
   Usage:                             load SCENARIO --port PORT [options]  (load --help)

   A client here is one Engine.IO 4 session, over a WebSocket or over HTTP long-polling.
   A workload decides what the clients send and what they must receive. Each payload
   begins with a ticket, a number that is used once, followed by text that is derived from
   the ticket. So every reply is checked completely, and a lost, doubled, altered or
   misdelivered one is noticed. It prints one JSON line on standard output, and the first
   complaints on standard error. The exit status is 0 even if there were mismatches: they
   are in the JSON. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#define SECOND 1000000000ull
#define MAX_PIDS 16

static struct {
    const char *host;
    int port, pids[MAX_PIDS], npids;
    uint32_t connections, outstanding, members, opening;
    size_t size;
    double rate, warmup, seconds, settle, patience;
    enum { VIA_WEBSOCKET, VIA_POLLING, VIA_UPGRADE } via;
    enum { FLAT, NESTED, UNICODE } content;
    char namespace[64]; /* "/chat,", as packets carry it; "" is the main one */
    bool deflate;
} opt = {.host = "127.0.0.1", .connections = 100, .outstanding = 1, .members = 50,
         .opening = 64, .size = 64, .warmup = 0.5, .seconds = 2, .settle = 2,
         .patience = 10};

static struct {
    uint64_t operations;  /* replies, deliveries or connections */
    uint64_t errors;      /* connections that failed or broke the protocol */
    uint64_t mismatches;  /* replies that are not what they must be */
    uint64_t pings, hangups;
    uint64_t received;    /* bytes that came from the server */
    uint64_t inflated;    /* compressed messages */
} tally;

static uint64_t now;      /* nanoseconds, read after each wait and each receive */
static bool sending;      /* each reply is followed by the next request */
static bool measuring;    /* latencies are noted */
static bool ending;       /* the measurement is over: what breaks now is our doing */

/* ------------------------------------------------------------- small things */

static uint64_t read_clock(clockid_t id) {
    struct timespec t;
    if (clock_gettime(id, &t) < 0) return 0;
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static void fatal(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static void complain(const char *format, ...) {
    static int left = 8;
    if (left-- <= 0) return;
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

static void *room_for(void *old, size_t count, size_t each) {
    void *p = reallocarray(old, count ? count : 1, each);
    if (!p) fatal("out of memory");
    return p;
}

static void *zeroed(size_t count, size_t each) {
    void *p = calloc(count ? count : 1, each);
    if (!p) fatal("out of memory");
    return p;
}

static uint32_t chance(void) { /* xorshift: masks need to differ, not to be secret */
    static uint32_t x = 2463534242u;
    x ^= x << 13;
    x ^= x >> 17;
    return x ^= x << 5;
}

struct bytes {
    uint8_t *data;
    size_t len, cap;
};

/* Lengthen `b` by n bytes and return where they begin. */
static uint8_t *extend(struct bytes *b, size_t n) {
    if (b->len + n > b->cap) {
        b->cap = (b->len + n) * 3 / 2 + 64;
        b->data = room_for(b->data, b->cap, 1);
    }
    b->len += n;
    return b->data + b->len - n;
}

/* Latencies are kept one by one, in units of 10 ns, and sorted at the end. */
static uint32_t *latencies;
static size_t nlatencies, latency_cap;

static void note(uint64_t ns) {
    if (nlatencies == latency_cap) {
        latency_cap = latency_cap ? latency_cap * 2 : 1 << 16;
        latencies = room_for(latencies, latency_cap, sizeof *latencies);
    }
    latencies[nlatencies++] = ns / 10 > UINT32_MAX ? UINT32_MAX : (uint32_t)(ns / 10);
}

static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Microseconds; `latencies` must be sorted. */
static double percentile(double share) {
    if (!nlatencies) return 0;
    size_t i = (size_t)(share * (double)nlatencies);
    return latencies[i < nlatencies ? i : nlatencies - 1] / 100.0;
}

/* ------------------------------------------------------------------ clients */

enum stage { UNOPENED, OPENING, JOINING, LIVE, GONE };

struct client;

/* One TCP connection. `eat` takes what it can of the bytes received and says how many
   it took; 0 asks for more. */
struct link {
    struct client *client;
    size_t (*eat)(struct link *, uint8_t *, size_t);
    struct bytes in, out;
    size_t taken;    /* bytes of `out` that the kernel has */
    uint32_t life;   /* how often it was hung up */
    int fd;
    bool blocked;    /* waits until the kernel takes more */
    bool asked;      /* HTTP: a request without its answer */
    bool used;       /* HTTP: this connection has answered before */
};

struct client {
    uint32_t number, answers;
    enum stage stage;
    bool websocket, touched, attachment_due;
    struct link link; /* the WebSocket, or the GETs */
    struct link post; /* the POSTs */
    struct bytes queue; /* packets for the next POST */
    uint64_t began, expected;
    struct codec *codec; /* permessage-deflate, where it was agreed on */
    struct bytes parts;  /* of a message in several frames */
    uint8_t opening;     /* the first byte of their first frame, 0 if there is none */
    char sid[64];
};

struct workload {
    const char *name, *unit;
    void (*prepare)(void); /* once all clients are live: allocate, join */
    void (*start)(void);   /* first requests */
    void (*run)(void);     /* instead of warm-up, window and drain */
    void (*text)(struct client *, const char *, size_t);
    void (*binary)(struct client *, const uint8_t *, size_t);
    uint64_t (*pending)(void);
};

static const struct workload *workload;
static struct client *clients;
static struct client **touched;
static uint32_t ntouched, nbegun, nopening, nlive, nfailed;
static int epoll;

static void touch(struct client *c) {
    if (c->touched) return;
    c->touched = true;
    touched[ntouched++] = c;
}

static void hang_up(struct link *l) {
    if (l->fd < 0) return;
    close(l->fd);
    l->fd = -1;
    l->life++;
    l->in.len = l->out.len = l->taken = 0;
    l->blocked = l->asked = l->used = false;
}

/* Close the client, which is of no more use. */
static void lose(struct client *c, const char *why) {
    if (c->stage == GONE) return;
    if (!ending) {
        tally.errors++;
        complain("client %u: %s", c->number, why);
    }
    if (c->stage < LIVE) {
        nopening--;
        nfailed++;
    } else {
        tally.hangups++;
    }
    c->stage = GONE;
    hang_up(&c->link);
    hang_up(&c->post);
}

static void mismatch(struct client *c, const char *what, const void *data, size_t n) {
    tally.mismatches++;
    complain("client %u: %s: %.*s", c->number, what, (int)(n < 100 ? n : 100),
             (const char *)data);
}

static void watch(struct link *l, int operation, bool blocked) {
    struct epoll_event e = {.events = EPOLLIN | (blocked ? EPOLLOUT : 0), .data.ptr = l};
    if (epoll_ctl(epoll, operation, l->fd, &e) < 0) fatal("epoll_ctl: %m");
    l->blocked = blocked;
}

static void dial(struct link *l, size_t (*eat)(struct link *, uint8_t *, size_t)) {
    static uint32_t dialled;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)opt.port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) fatal("socket: %m");
    if (inet_pton(AF_INET, opt.host, &to.sin_addr) != 1) fatal("bad host %s", opt.host);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (ntohl(to.sin_addr.s_addr) >> 24 == 127) {
        /* One loopback address has 28,000 ports: not enough for repeated runs. */
        struct sockaddr_in from = {.sin_family = AF_INET};
        from.sin_addr.s_addr = htonl(0x7f010001u + dialled++ % 24);
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        if (bind(fd, (struct sockaddr *)&from, sizeof from) < 0) fatal("bind: %m");
    }
    l->fd = fd;
    l->eat = eat;
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)
        fatal("connect: %m");
    watch(l, EPOLL_CTL_ADD, true);
}

static void flush(struct link *l) {
    while (l->taken < l->out.len) {
        ssize_t n = send(l->fd, l->out.data + l->taken, l->out.len - l->taken, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EAGAIN && !l->blocked) watch(l, EPOLL_CTL_MOD, true);
            return; /* the next receive reports any other error too */
        }
        l->taken += (size_t)n;
    }
    l->taken = l->out.len = 0;
    if (l->blocked) watch(l, EPOLL_CTL_MOD, false);
}

/* ------------------------------------------- permessage-deflate (RFC 7692) */

#define DEFLATE_FROM 1024 /* bytes of the shortest message that clients compress */
#define MAX_INFLATED (16u << 20)

struct codec {
    z_stream in, out;
    bool forgets; /* each message of ours is compressed by itself */
};

static bool says(const char *p, const char *end, const char *word) {
    return memmem(p, (size_t)(end - p), word, strlen(word)) != NULL;
}

/* The server's answer to our offer, up to the end of its line. */
static void agree(struct client *c, const char *answer) {
    const char *end = strpbrk(answer, "\r\n");
    if (!end || !says(answer, end, "permessage-deflate")) return;
    const char *bits = strstr(answer, "client_max_window_bits=");
    int window = bits && bits < end ? atoi(bits + 23) : 15;
    struct codec *z = c->codec = zeroed(1, sizeof *z);
    z->forgets = says(answer, end, "client_no_context_takeover");
    /* zlib turns a window of 8 into 9, which the other side cannot read then. */
    if (window < 9 || inflateInit2(&z->in, -15) != Z_OK ||
        deflateInit2(&z->out, 6, Z_DEFLATED, -window, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        fatal("zlib");
}

/* Return the compressed message, which is valid until the next call. */
static struct bytes *shrink(struct codec *z, const uint8_t *from, size_t n) {
    static struct bytes out;
    out.len = 0;
    size_t room = deflateBound(&z->out, n) + 16;
    z->out.next_in = (uint8_t *)from;
    z->out.avail_in = (uInt)n;
    z->out.next_out = extend(&out, room);
    z->out.avail_out = (uInt)room;
    if (deflate(&z->out, Z_SYNC_FLUSH) != Z_OK || z->out.avail_in) fatal("deflate");
    out.len -= z->out.avail_out + 4; /* without the tail 00 00 ff ff */
    if (z->forgets) deflateReset(&z->out);
    return &out;
}

/* Return NULL if it cannot be read. If the server compresses each message by itself, we
   need not reset: such a message never refers to another. */
static struct bytes *swell(struct codec *z, const uint8_t *from, size_t n) {
    static uint8_t tail[] = {0, 0, 0xff, 0xff};
    static struct bytes out;
    out.len = 0;
    for (int part = 0; part < 2; part++) {
        z->in.next_in = part ? tail : (uint8_t *)from;
        z->in.avail_in = part ? sizeof tail : (uInt)n;
        do {
            z->in.next_out = extend(&out, 65536);
            z->in.avail_out = 65536;
            int said = inflate(&z->in, Z_SYNC_FLUSH);
            out.len -= z->in.avail_out;
            if (said != Z_OK && said != Z_BUF_ERROR) return NULL;
            if (out.len > MAX_INFLATED) return NULL;
        } while (z->in.avail_in || !z->in.avail_out);
    }
    tally.inflated++;
    return &out;
}

/* ------------------------------------------------------ what the clients say */

enum opcode { OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };

static void put_frame(struct link *l, enum opcode op, const void *payload, size_t n) {
    struct codec *codec = op < OP_CLOSE && n >= DEFLATE_FROM ? l->client->codec : NULL;
    if (codec) {
        struct bytes *shrunk = shrink(codec, payload, n);
        payload = shrunk->data;
        n = shrunk->len;
    }
    size_t head = n < 126 ? 2 : n < 65536 ? 4 : 10;
    uint8_t *p = extend(&l->out, head + 4 + n);
    uint32_t key = chance() | 0x01010101u;
    const uint8_t *from = payload;
    p[0] = (uint8_t)(0x80 | (codec ? 0x40 : 0) | op);
    p[1] = (uint8_t)(0x80 | (n < 126 ? n : n < 65536 ? 126 : 127));
    for (size_t i = 2; i < head; i++) p[i] = (uint8_t)((uint64_t)n >> 8 * (head - 1 - i));
    memcpy(p + head, &key, 4);
    p += head + 4;
    uint64_t wide = (uint64_t)key << 32 | key, word;
    for (; n >= 8; n -= 8, p += 8, from += 8) {
        memcpy(&word, from, 8);
        word ^= wide;
        memcpy(p, &word, 8);
    }
    for (size_t i = 0; i < n; i++) p[i] = from[i] ^ ((uint8_t *)&key)[i & 3];
}

/* Send one Engine.IO packet, by whatever way this client has. */
static void say(struct client *c, const void *packet, size_t n) {
    if (c->stage == GONE) return;
    if (c->websocket) {
        put_frame(&c->link, OP_TEXT, packet, n);
    } else {
        if (c->queue.len) *extend(&c->queue, 1) = 0x1e;
        memcpy(extend(&c->queue, n), packet, n);
    }
    touch(c);
}

static size_t eat_reply(struct link *, uint8_t *, size_t);
static size_t eat_accept(struct link *, uint8_t *, size_t);

#define WS_KEY "c29ja2lvLWJlbmNobWFyaw=="
#define WS_ACCEPT "buH7cplmAJIYsEHAJuNjzZJ5Y2U="
#define HANDSHAKE "Upgrade: websocket\r\nConnection: Upgrade\r\n" \
                  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " WS_KEY "\r\n"

static void request(struct link *l, const char *method, const char *transport,
                    const char *headers, struct bytes *body) {
    char head[512], length[64] = "";
    const char *sid = l->client->sid;
    if (body) snprintf(length, sizeof length, "Content-Length: %zu\r\n", body->len);
    int n = snprintf(head, sizeof head,
                     "%s /socket.io/?EIO=4&transport=%s%s%s HTTP/1.1\r\n"
                     "Host: %s:%d\r\n%s%s\r\n",
                     method, transport, *sid ? "&sid=" : "", sid, opt.host, opt.port,
                     headers, length);
    memcpy(extend(&l->out, (size_t)n), head, (size_t)n);
    if (body) memcpy(extend(&l->out, body->len), body->data, body->len);
    l->asked = true;
}

static void poll_get(struct client *c) {
    if (c->link.fd < 0) dial(&c->link, eat_reply);
    request(&c->link, "GET", "polling", "Accept: */*\r\n", NULL);
    flush(&c->link);
}

static void poll_post(struct client *c) {
    if (c->post.fd < 0) dial(&c->post, eat_reply);
    request(&c->post, "POST", "polling", "Content-Type: text/plain;charset=UTF-8\r\n",
            &c->queue);
    c->queue.len = 0;
    flush(&c->post);
}

static void open_websocket(struct client *c) {
    dial(&c->link, eat_accept);
    request(&c->link, "GET", "websocket",
            opt.deflate ? HANDSHAKE "Sec-WebSocket-Extensions: permessage-deflate; "
                          "client_max_window_bits\r\n"
                        : HANDSHAKE, NULL);
    c->websocket = true;
}

static void send_touched(void) {
    for (uint32_t i = 0; i < ntouched; i++) {
        struct client *c = touched[i];
        c->touched = false;
        if (c->stage == GONE) continue;
        if (c->websocket) flush(&c->link);
        else if (c->queue.len && !c->post.asked) poll_post(c);
    }
    ntouched = 0;
}

/* ----------------------------------------------------- what the clients hear */

static void join(struct client *c) {
    char text[sizeof opt.namespace + 2];
    c->stage = JOINING;
    say(c, text, (size_t)snprintf(text, sizeof text, "40%s", opt.namespace));
}

static void opened(struct client *c, const char *text, size_t n) {
    const char *key = memmem(text, n, "\"sid\"", 5), *end = text + n;
    const char *from = key ? memchr(key + 5, '"', (size_t)(end - key - 5)) : NULL;
    const char *to = from ? memchr(from + 1, '"', (size_t)(end - from - 1)) : NULL;
    if (!to || (size_t)(to - from) > sizeof c->sid) {
        lose(c, "an open packet without a sid");
        return;
    }
    if (c->websocket) {
        join(c);
        return;
    }
    memcpy(c->sid, from + 1, (size_t)(to - from - 1));
    if (opt.via == VIA_UPGRADE) {
        hang_up(&c->link);
        open_websocket(c);
    } else {
        join(c);
    }
}

static void joined(struct client *c) {
    c->stage = LIVE;
    nopening--;
    nlive++;
    note(read_clock(CLOCK_MONOTONIC) - c->began);
}

/* Cut our namespace out of `2/chat,[...` or `51-/chat,[...`; NULL if there is another
   one, or none. */
static char *without_namespace(char *text, size_t *n) {
    size_t width = strlen(opt.namespace), type = 1;
    if (!width) return text;
    if (*n > 1 && (*text == '5' || *text == '6'))
        while (type < *n && text[type - 1] != '-') type++;
    if (*n < type + width || memcmp(text + type, opt.namespace, width)) return NULL;
    memmove(text + width, text, type);
    *n -= width;
    return text + width;
}

static void hear_message(struct client *c, char *text, size_t n) {
    char *plain = without_namespace(text, &n);
    if (plain) workload->text(c, plain, n);
    else mismatch(c, "a packet of another namespace", text, n);
}

static void hear(struct client *c, char *text, size_t n) {
    char type = n ? *text : 0;
    if (type == '4' && c->stage == LIVE) {
        hear_message(c, text + 1, n - 1);
    } else if (type == '4' && c->stage == JOINING && n > 1 && text[1] == '0') {
        joined(c);
    } else if (type == '2' && n == 1) {
        tally.pings++;
        say(c, "3", 1);
    } else if (type == '0' && c->stage == OPENING && !c->sid[0]) {
        opened(c, text, n);
    } else if (type == '3' && c->stage == OPENING && n == 6 && !memcmp(text, "3probe", 6)) {
        say(c, "5", 1);
        join(c);
    } else if (type == '1') {
        lose(c, "the server closed the session");
    } else if (type != '6') {
        mismatch(c, "an unexpected packet", text, n);
        if (c->stage < LIVE) lose(c, "could not connect");
    }
}

static size_t eat_frame(struct link *l, uint8_t *p, size_t n) {
    struct client *c = l->client;
    if (n < 2) return 0;
    size_t head = (p[1] & 127) == 126 ? 4 : (p[1] & 127) == 127 ? 10 : 2;
    uint64_t length = 0;
    if (n < head) return 0;
    if (head == 2) length = p[1];
    for (size_t i = 2; i < head; i++) length = length << 8 | p[i];
    bool control = (p[0] & 15) >= OP_CLOSE, last = p[0] & 0x80;
    /* Only the first frame of a message says that it is compressed. */
    uint8_t reserved = c->codec && !control && !c->opening ? 0x30 : 0x70;
    if (p[0] & reserved || p[1] & 0x80) {
        lose(c, "an extended or masked frame"); /* none was agreed on */
        return 0;
    }
    if (control ? !last : !(p[0] & 15) != !!c->opening) {
        lose(c, "frames out of order");
        return 0;
    }
    if (n - head < length) return 0;
    uint8_t *payload = p + head, first = p[0];
    size_t used = head + length;
    if (!control && (c->opening || !last)) {
        memcpy(extend(&c->parts, length), payload, length);
        if (!c->opening) c->opening = first;
        if (!last) return used;
        first = c->opening;
        payload = c->parts.data;
        length = c->parts.len;
        c->opening = 0;
        c->parts.len = 0;
    }
    if (first & 0x40) {
        struct bytes *whole = swell(c->codec, payload, length);
        if (!whole) {
            lose(c, "a message that cannot be inflated");
            return 0;
        }
        payload = whole->data;
        length = whole->len;
    }
    switch (first & 15) {
    case OP_TEXT:
        hear(c, (char *)payload, length);
        break;
    case OP_BINARY:
        if (c->stage == LIVE && workload->binary) workload->binary(c, payload, length);
        else mismatch(c, "an unexpected binary frame", "", 0);
        break;
    case OP_PING:
        put_frame(l, OP_PONG, payload, length);
        touch(c);
        break;
    case OP_PONG:
        break;
    default:
        lose(c, "a close frame");
    }
    return used;
}

/* -------------------------------------------------------------- HTTP answers */

struct reply {
    int status;
    bool closes;
    uint8_t *body;
    size_t len;
};

#define BROKEN SIZE_MAX

/* The value of a header field, NULL when it is not there. Lines end in CRLF. */
static const char *field(const char *head, const char *end, const char *name) {
    size_t n = strlen(name);
    for (const char *line = head; (line = memmem(line, (size_t)(end - line), "\r\n", 2));) {
        line += 2;
        if ((size_t)(end - line) > n && line[n] == ':' && !strncasecmp(line, name, n))
            return line + n + 1 + strspn(line + n + 1, " ");
    }
    return NULL;
}

/* Join the chunks at p: bytes used, 0 when some are missing. */
static size_t dechunk(uint8_t *p, size_t n, struct reply *r) {
    static struct bytes whole;
    size_t used = 0;
    whole.len = 0;
    for (;;) {
        const uint8_t *eol = memchr(p + used, '\n', n - used);
        if (!eol) return 0;
        size_t size = strtoul((const char *)p + used, NULL, 16);
        used = (size_t)(eol - p) + 1;
        if (size > n || n - used < size + 2) return 0;
        memcpy(extend(&whole, size), p + used, size);
        used += size + 2;
        if (!size) break;
    }
    r->body = whole.data;
    r->len = whole.len;
    return used;
}

/* Return the bytes used, 0 if it is not complete yet, or BROKEN. */
static size_t parse_reply(uint8_t *p, size_t n, struct reply *r) {
    const char *text = (const char *)p, *end = memmem(p, n, "\r\n\r\n", 4), *value;
    if (!end) return n > 16384 ? BROKEN : 0;
    end += 2;
    if (strncmp(text, "HTTP/1.", 7)) return BROKEN;
    size_t head = (size_t)(end - text) + 2, used;
    r->status = atoi(text + 9);
    value = field(text, end, "Connection");
    r->closes = value ? !strncasecmp(value, "close", 5) : text[7] == '0';
    if ((value = field(text, end, "Content-Length"))) {
        r->len = strtoul(value, NULL, 10);
        r->body = p + head;
        return n - head < r->len ? 0 : head + r->len;
    }
    if (!field(text, end, "Transfer-Encoding")) return BROKEN;
    used = dechunk(p + head, n - head, r);
    return used ? head + used : 0;
}

static size_t eat_reply(struct link *l, uint8_t *p, size_t n) {
    struct client *c = l->client;
    struct reply r = {0};
    size_t used = parse_reply(p, n, &r);
    if (used == BROKEN) lose(c, "an HTTP answer that cannot be read");
    if (used == BROKEN || !used) return 0;
    if (r.status != 200) {
        complain("status %d: %.*s", r.status, (int)(r.len < 80 ? r.len : 80),
                 (const char *)r.body);
        lose(c, "refused");
        return 0;
    }
    l->asked = false;
    l->used = true;
    if (r.closes) hang_up(l);
    if (l == &c->post) {
        touch(c); /* what was said meanwhile */
        return used;
    }
    for (char *from = (char *)r.body, *end = from + r.len; from < end;) {
        char *to = memchr(from, 0x1e, (size_t)(end - from));
        if (!to) to = end;
        hear(c, from, (size_t)(to - from));
        if (c->stage == GONE || c->websocket) return used;
        from = to + 1;
    }
    poll_get(c);
    return used;
}

static size_t eat_accept(struct link *l, uint8_t *p, size_t n) {
    struct client *c = l->client;
    const char *text = (char *)p, *end = memmem(p, n, "\r\n\r\n", 4);
    if (!end) return 0;
    const char *accept = field(text, end + 2, "Sec-WebSocket-Accept");
    if (strncmp(text, "HTTP/1.1 101", 12) || !accept || strncmp(accept, WS_ACCEPT, 28)) {
        complain("%.*s", (int)(end - text < 60 ? end - text : 60), text);
        lose(c, "no WebSocket");
        return 0;
    }
    const char *agreed = field(text, end + 2, "Sec-WebSocket-Extensions");
    if (agreed) agree(c, agreed);
    if (opt.deflate != !!c->codec) {
        lose(c, opt.deflate ? "the server does not compress" : "an extension not asked for");
        return 0;
    }
    l->asked = false;
    l->eat = eat_frame;
    if (*c->sid) say(c, "2probe", 6);
    return (size_t)(end + 4 - text);
}

/* ------------------------------------------------------------------ the loop */

#define PIECE (256u << 10)
#define ARENA (32u << 20)

static uint8_t *arena; /* what is being read, after what was left over last time */

static void ended(struct link *l) {
    struct client *c = l->client;
    bool asked = l->asked, used = l->used, answering = l->in.len > 0;
    if (l->eat != eat_reply) {
        lose(c, "the server closed the connection");
        return;
    }
    hang_up(l);
    if (!asked) return; /* an idle keep-alive connection: opened again when needed */
    if (l == &c->link && used && !answering) poll_get(c); /* it ended as we asked */
    else lose(c, "the server closed the connection instead of answering");
}

static void receive(struct link *l) {
    size_t total = l->in.len, used = 0;
    uint32_t life = l->life;
    if (total) memcpy(arena, l->in.data, total);
    ssize_t got = recv(l->fd, arena + total, PIECE, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        ended(l);
        return;
    }
    now = read_clock(CLOCK_MONOTONIC);
    total += (size_t)got;
    tally.received += (uint64_t)got;
    while (used < total) {
        size_t n = l->eat(l, arena + used, total - used);
        if (l->life != life) return;
        if (!n) break;
        used += n;
    }
    if (total - used > ARENA - PIECE) {
        lose(l->client, "a message that is too large");
        return;
    }
    l->in.len = 0;
    if (total > used) memcpy(extend(&l->in, total - used), arena + used, total - used);
}

/* Wait for at most `ms` milliseconds and handle what has come. A NULL pointer is the
   timer of the open loop: it only wakes us. */
static void turn(int ms) {
    static struct epoll_event events[512];
    int n = epoll_wait(epoll, events, 512, ms);
    now = read_clock(CLOCK_MONOTONIC);
    for (int i = 0; i < n; i++) {
        struct link *l = events[i].data.ptr;
        if (l && l->fd >= 0 && events[i].events & EPOLLOUT) flush(l);
        if (l && l->fd >= 0 && events[i].events & ~(uint32_t)EPOLLOUT) receive(l);
        send_touched();
    }
}

static void turn_for(double seconds) {
    uint64_t end = read_clock(CLOCK_MONOTONIC) + (uint64_t)(seconds * (double)SECOND);
    for (now = read_clock(CLOCK_MONOTONIC); now < end; now = read_clock(CLOCK_MONOTONIC))
        turn((int)((end - now + 999999) / 1000000));
}

static void drain(void) {
    uint64_t end = now + (uint64_t)(opt.patience * (double)SECOND);
    sending = measuring = false;
    while (workload->pending && workload->pending() && nlive > tally.hangups && now < end)
        turn(20);
}

static void begin(struct client *c) {
    c->stage = OPENING;
    c->began = read_clock(CLOCK_MONOTONIC);
    nopening++;
    if (opt.via == VIA_WEBSOCKET) open_websocket(c);
    else poll_get(c);
}

static void open_clients(void) {
    uint64_t end = read_clock(CLOCK_MONOTONIC) +
                   (uint64_t)(opt.patience * (double)SECOND) + opt.connections * SECOND / 200;
    clients = zeroed(opt.connections, sizeof *clients);
    touched = zeroed(opt.connections, sizeof *touched);
    for (uint32_t i = 0; i < opt.connections; i++) {
        struct client *c = &clients[i];
        c->number = i;
        c->link.client = c->post.client = c;
        c->link.fd = c->post.fd = -1;
    }
    while (nlive + nfailed < opt.connections) {
        while (nbegun < opt.connections && nopening < opt.opening) begin(&clients[nbegun++]);
        turn(100);
        if (now < end) continue;
        complain("only %u of %u clients connected in time", nlive, opt.connections);
        tally.errors += opt.connections - nlive - nfailed;
        return;
    }
}

/* ---------------------------------------------------------------- measuring */

struct reading {
    uint64_t wall, server, own, rss_kib, received, inflated;
};

static struct reading first, last;

static struct reading take_reading(void) {
    struct reading r = {0};
    for (int i = 0; i < opt.npids; i++) {
        char path[64];
        unsigned long pages = 0;
        clockid_t id;
        if (!clock_getcpuclockid(opt.pids[i], &id)) r.server += read_clock(id);
        snprintf(path, sizeof path, "/proc/%d/statm", opt.pids[i]);
        FILE *f = fopen(path, "r");
        if (f && fscanf(f, "%*u %lu", &pages) == 1)
            r.rss_kib += pages * (unsigned long)sysconf(_SC_PAGESIZE) / 1024;
        if (f) fclose(f);
    }
    r.received = tally.received;
    r.inflated = tally.inflated;
    r.own = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    r.wall = read_clock(CLOCK_MONOTONIC);
    return r;
}

static void open_window(void) {
    for (uint32_t i = 0; i < opt.connections; i++) clients[i].answers = 0;
    tally.operations = tally.pings = nlatencies = 0;
    measuring = true;
    first = take_reading();
}

static void report(uint64_t operations, const char *more, ...) {
    double wall = (double)(last.wall - first.wall), server = (double)(last.server - first.server);
    va_list args;
    if (nlatencies) qsort(latencies, nlatencies, sizeof *latencies, ascending);
    printf("{\"scenario\": \"%s\", \"unit\": \"%s\", \"connections\": %u, \"live\": %u, "
           "\"seconds\": %.4f, \"operations\": %lu, \"rate\": %.1f, \"server_us\": %.3f, "
           "\"server_busy\": %.4f, \"load_busy\": %.4f, ",
           workload->name, workload->unit, opt.connections, nlive, wall / 1e9, operations,
           (double)operations / wall * 1e9, operations ? server / 1e3 / (double)operations : 0,
           server / wall, (double)(last.own - first.own) / wall);
    if (nlatencies)
        printf("\"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f, ",
               percentile(.5), percentile(.9), percentile(.99), percentile(1));
    va_start(args, more);
    vprintf(more, args);
    va_end(args);
    printf("\"errors\": %lu, \"mismatches\": %lu, \"hangups\": %lu, \"pings\": %lu, "
           "\"received\": %lu, \"compressed\": %lu, \"rss_kib\": %lu}\n",
           tally.errors, tally.mismatches, tally.hangups, tally.pings,
           last.received - first.received, last.inflated - first.inflated, last.rss_kib);
}

/* ----------------------------------------------------------------- payloads */

#define TICKET 16  /* hexadecimal digits */
#define CYCLE 1009 /* so many tickets until the same filler returns */
#define BODIES 8   /* the same for fillers that cannot begin at any offset */

/* A payload is one JSON value of `size` bytes, or an attachment. It consists of a prefix,
   the ticket, and filler. Quotes around a string are not counted. */
static const char *before = "";
static uint8_t *filler, *binary_filler; /* letters that JSON does not escape; any bytes */
static struct bytes bodies[BODIES];     /* instead of the letters */

static void put(struct bytes *b, const char *format, ...) {
    char text[256];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(extend(b, (size_t)n), text, (size_t)n);
}

static void append(struct bytes *b, const char *text) {
    size_t n = strlen(text);
    memcpy(extend(b, n), text, n);
}

/* Objects in a list in an object in an object. Every language prints its numbers alike;
   keys are in alphabetical order, as some languages sort them. */
static void make_nested(struct bytes *b, size_t size) {
    static const char end[] = "],\"pad\":\"", close[] = "\"}}";
    struct bytes record = {0};
    put(b, "\",\"with\":{\"of\":[");
    for (bool comma = false;; comma = true) {
        record.len = 0;
        put(&record, "%s{\"at\":[%u.5,-%u.25,null],\"id\":%u,\"name\":\"user %u\",\"on\":%s,",
            comma ? "," : "", chance() % 1000, 1 + chance() % 100, chance() % 1000000,
            chance() % 100000, chance() & 1 ? "true" : "false");
        put(&record, "\"tags\":{\"all\":[\"a\",\"b%u\",[]],\"kind\":\"k%u\"}}", chance() % 100,
            chance() % 100);
        if (b->len + record.len + sizeof end - 1 + sizeof close - 1 > size) break;
        memcpy(extend(b, record.len), record.data, record.len);
    }
    put(b, end);
    while (b->len < size - (sizeof close - 1)) put(b, "x");
    put(b, close);
    free(record.data);
    if (b->len != size) fatal("--content nested needs --size 64 at least");
}

/* Characters of one to four bytes. */
static void make_unicode(struct bytes *b, size_t size) {
    static const char *const words[] = {"größe ", "naïve ", "слово ", "λόγος ", "言葉と", "한국어 ",
                                        "😀🚀 ",   "€ 5, "};
    for (;;) {
        const char *word = words[chance() % (sizeof words / sizeof *words)];
        if (b->len + strlen(word) > size) break;
        put(b, "%s", word);
    }
    while (b->len < size) put(b, ".");
}

static void make_filler(void) {
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ.0123456789-";
    if (opt.content == NESTED) before = "{\"ticket\":\"";
    filler = room_for(NULL, opt.size + CYCLE, 1);
    binary_filler = room_for(NULL, opt.size + CYCLE, 1);
    for (size_t i = 0; i < opt.size + CYCLE; i++) {
        filler[i] = (uint8_t)letters[chance() % (sizeof letters - 1)];
        binary_filler[i] = (uint8_t)chance();
    }
    for (int i = 0; i < BODIES && opt.content != FLAT; i++) {
        size_t taken = strlen(before) + TICKET;
        if (opt.size <= taken) fatal("--size is too small for this content");
        if (opt.content == NESTED) make_nested(&bodies[i], opt.size - taken);
        else make_unicode(&bodies[i], opt.size - taken);
    }
}

/* The filler that follows a ticket. */
static const uint8_t *fill_of(uint64_t ticket, const uint8_t *fill) {
    if (fill == filler && opt.content != FLAT) return bodies[ticket % BODIES].data;
    return fill + ticket % CYCLE;
}

static void put_payload(uint8_t *to, uint64_t ticket, const uint8_t *fill) {
    size_t width = fill == filler ? strlen(before) : 0;
    memcpy(to, before, width);
    for (int i = 0; i < TICKET; i++)
        to[width + (size_t)i] = "0123456789abcdef"[ticket >> 4 * (TICKET - 1 - i) & 15];
    memcpy(to + width + TICKET, fill_of(ticket, fill), opt.size - width - TICKET);
}

static uint32_t hex4(const uint8_t *p) {
    uint32_t value = 0;
    for (int i = 0; i < 4; i++)
        value = value << 4 | (uint32_t)(p[i] <= '9' ? p[i] - '0' : (p[i] | 32) - 'a' + 10);
    return value;
}

/* Some servers write \u escapes where others write UTF-8: read them, and no others. */
static const uint8_t *unescaped(const uint8_t *from, size_t *n) {
    static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
    static struct bytes out;
    const uint8_t *end = from + *n;
    out.len = 0;
    while (from < end) {
        const uint8_t *next = memchr(from, '\\', (size_t)(end - from));
        size_t plain = (size_t)((next ? next : end) - from);
        memcpy(extend(&out, plain), from, plain);
        from += plain;
        if (!next) break;
        if (end - from < 6 || from[1] != 'u') return from;
        uint32_t u = hex4(from + 2);
        from += 6;
        if (u >> 10 == 0xd800 >> 10 && end - from >= 6 && from[1] == 'u') {
            u = 0x10000 + ((u & 1023) << 10 | (hex4(from + 2) & 1023));
            from += 6;
        }
        int more = u < 0x80 ? 0 : u < 0x800 ? 1 : u < 0x10000 ? 2 : 3;
        *extend(&out, 1) = (uint8_t)(lead[more] | u >> 6 * more);
        while (more--) *extend(&out, 1) = (uint8_t)(0x80 | (u >> 6 * more & 63));
    }
    *n = out.len;
    return out.data;
}

static bool read_payload(const uint8_t *from, size_t n, const uint8_t *fill, uint64_t *ticket) {
    size_t width = fill == filler ? strlen(before) : 0;
    if (n > opt.size && fill == filler && opt.content == UNICODE) from = unescaped(from, &n);
    if (n != opt.size || memcmp(from, before, width)) return false;
    from += width;
    n -= width;
    *ticket = 0;
    for (int i = 0; i < TICKET; i++) {
        uint8_t d = from[i];
        if ((d < '0' || d > '9') && (d < 'a' || d > 'f')) return false;
        *ticket = *ticket << 4 | (uint64_t)(d <= '9' ? d - '0' : d - 'a' + 10);
    }
    return !memcmp(from + TICKET, fill_of(*ticket, fill), n - TICKET);
}

/* Say 4 + type + namespace + `head` + payload + `]`. */
static void say_payload(struct client *c, const char *head, uint64_t ticket) {
    static struct bytes packet;
    const char *quote = opt.content == NESTED ? "" : "\"";
    packet.len = 0;
    append(&packet, "42");
    append(&packet, opt.namespace);
    append(&packet, head);
    append(&packet, quote);
    put_payload(extend(&packet, opt.size), ticket, filler);
    append(&packet, quote);
    append(&packet, "]");
    say(c, packet.data, packet.len);
}

struct piece {
    const char *at;
    size_t len;
};

/* Read ["a","b"] into at most `most` pieces; return -1 if it is something else. Strings
   must not contain \"; an object is the last piece, whatever is in it. */
static int strings(const char *p, size_t n, struct piece *out, int most) {
    const char *end = p + n;
    int count = 0;
    if (n < 2 || *p++ != '[' || *--end != ']') return -1;
    while (p < end) {
        while (p < end && (*p == ' ' || *p == ',')) p++;
        if (p == end) break;
        if (*p == '{' && count < most) {
            out[count++] = (struct piece){p, (size_t)(end - p)};
            break;
        }
        const char *close = *p == '"' ? memchr(p + 1, '"', (size_t)(end - p - 1)) : NULL;
        if (!close || count == most) return -1;
        out[count++] = (struct piece){p + 1, (size_t)(close - p - 1)};
        p = close + 1;
    }
    return count;
}

static bool is(struct piece s, const char *word) {
    return s.len == strlen(word) && !memcmp(s.at, word, s.len);
}

/* ------------------------------------------ echo, ack, binary: request, reply */

struct flight {
    uint64_t ticket, sent;
    bool out;
};

static struct flight *flights; /* client * outstanding + slot; one ticket ahead each time */
static uint64_t nflights, flying;

static void launch(struct client *c, uint32_t slot);

static void land(struct client *c, const void *payload, size_t n, const uint8_t *fill) {
    uint64_t ticket;
    if (!read_payload(payload, n, fill, &ticket)) {
        mismatch(c, "an altered payload", payload, n);
        return;
    }
    struct flight *f = &flights[ticket % nflights];
    uint64_t owner = ticket % nflights / opt.outstanding;
    if (owner != c->number || !f->out || f->ticket != ticket) {
        mismatch(c, "a reply nobody waits for", payload, n);
        return;
    }
    f->out = false;
    flying--;
    if (measuring) {
        note(now - f->sent);
        tally.operations++;
        c->answers++;
    }
    if (sending) launch(c, (uint32_t)(ticket % opt.outstanding));
}

static void launch_text(struct client *c, uint32_t slot, uint64_t ticket) {
    char head[40] = "[\"echo\",";
    if (workload->name[0] == 'a') snprintf(head, sizeof head, "%u[\"ack\",", slot);
    say_payload(c, head, ticket);
}

static void launch_binary(struct client *c, uint64_t ticket) {
    static struct bytes event, attachment;
    event.len = attachment.len = 0;
    put(&event, "451-%s[\"bin\",{\"_placeholder\":true,\"num\":0}]", opt.namespace);
    put_payload(extend(&attachment, opt.size), ticket, binary_filler);
    say(c, event.data, event.len);
    put_frame(&c->link, OP_BINARY, attachment.data, opt.size);
}

static void launch(struct client *c, uint32_t slot) {
    struct flight *f = &flights[(uint64_t)c->number * opt.outstanding + slot];
    f->ticket += nflights;
    f->sent = now;
    f->out = true;
    flying++;
    if (workload->binary) launch_binary(c, f->ticket);
    else launch_text(c, slot, f->ticket);
}

static void closed_prepare(void) {
    if (workload->binary && opt.via == VIA_POLLING) fatal("binary needs a WebSocket");
    nflights = (uint64_t)opt.connections * opt.outstanding;
    flights = zeroed(nflights, sizeof *flights);
    for (uint64_t i = 0; i < nflights; i++) flights[i].ticket = i;
}

static void closed_start(void) {
    for (uint32_t i = 0; i < opt.connections; i++) {
        if (clients[i].stage != LIVE) continue;
        now = read_clock(CLOCK_MONOTONIC);
        for (uint32_t slot = 0; slot < opt.outstanding; slot++) launch(&clients[i], slot);
        send_touched();
    }
}

static uint64_t closed_pending(void) { return flying; }

static void echo_text(struct client *c, const char *p, size_t n) {
    struct piece s[2];
    if (n < 2 || *p != '2' || strings(p + 1, n - 1, s, 2) != 2 || !is(s[0], "echo"))
        mismatch(c, "not an echo", p, n);
    else land(c, s[1].at, s[1].len, filler);
}

/* The acknowledgement of `id` must carry the ticket that was sent with it. */
static bool ack_of(const char *p, size_t n, uint64_t *id, struct piece *payload) {
    size_t digits = 1;
    for (*id = 0; digits < n && p[digits] >= '0' && p[digits] <= '9'; digits++)
        *id = *id * 10 + (uint64_t)(p[digits] - '0');
    return n > 2 && *p == '3' && digits > 1 && strings(p + digits, n - digits, payload, 1) == 1;
}

static void ack_text(struct client *c, const char *p, size_t n) {
    struct piece payload;
    uint64_t id, ticket;
    if (!ack_of(p, n, &id, &payload)) {
        mismatch(c, "not an acknowledgement", p, n);
    } else if (read_payload((uint8_t *)payload.at, payload.len, filler, &ticket) &&
               ticket % opt.outstanding != id) {
        mismatch(c, "an acknowledgement with another's payload", p, n);
    } else {
        land(c, payload.at, payload.len, filler);
    }
}

static void binary_text(struct client *c, const char *p, size_t n) {
    bool right = n > 9 && !memcmp(p, "51-[\"bin\"", 9) && !c->attachment_due &&
                 memmem(p, n, "\"_placeholder\"", 14);
    if (!right) mismatch(c, "not a binary event", p, n);
    c->attachment_due = right;
}

static void binary_bytes(struct client *c, const uint8_t *p, size_t n) {
    if (!c->attachment_due) mismatch(c, "an attachment without its event", "", 0);
    c->attachment_due = false;
    land(c, p, n, binary_filler);
}

/* ------------------------------------------------ ack at a rate: an open loop */

static uint64_t open_first, open_skip, open_total, open_answered;
static bool *open_seen;

static uint64_t due(uint64_t i) {
    return open_first + (uint64_t)((double)i * (double)SECOND / opt.rate);
}

static void open_text(struct client *c, const char *p, size_t n) {
    struct piece payload;
    uint64_t id, ticket;
    if (!ack_of(p, n, &id, &payload) ||
        !read_payload((uint8_t *)payload.at, payload.len, filler, &ticket) || ticket != id ||
        id >= open_total || open_seen[id] || id % opt.connections != c->number) {
        mismatch(c, "not the acknowledgement of a request", p, n);
        return;
    }
    open_seen[id] = true;
    open_answered++;
    /* Counted from when it was due: a late load generator must not look good. */
    if (id >= open_skip) note(now - due(id));
}

static uint64_t open_pending(void) { return open_total - open_answered; }

static void open_run(void) {
    uint64_t i = 0;
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
    if (timer < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &e) < 0) fatal("timerfd: %m");
    open_skip = (uint64_t)(opt.rate * opt.warmup);
    open_total = open_skip + (uint64_t)(opt.rate * opt.seconds);
    open_seen = zeroed(open_total, sizeof *open_seen);
    open_first = now = read_clock(CLOCK_MONOTONIC);
    for (;;) {
        for (; i < open_total && due(i) <= now; i++) {
            char head[40];
            if (i == open_skip) open_window();
            snprintf(head, sizeof head, "%lu[\"ack\",", i);
            say_payload(&clients[i % opt.connections], head, i);
            send_touched();
        }
        if (i == open_total) break;
        struct itimerspec at = {.it_value = {(time_t)(due(i) / SECOND), (long)(due(i) % SECOND)}};
        timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
        turn(1000);
    }
    last = take_reading();
    drain();
    ending = true;
    report(open_total - open_skip, "\"offered\": %.0f, \"missing\": %lu, ", opt.rate, open_pending());
}

/* ------------------------------------------- broadcast, rooms: one to many */

struct wave {
    uint64_t ticket, sent;
    uint32_t heard;
    bool out;
};

static struct wave *waves; /* room * outstanding + sequence % outstanding */
static uint64_t *room_next, waves_out;
static uint32_t nrooms, barrier;

static void send_wave(uint32_t room) {
    char head[48] = "[\"broadcast\",";
    uint64_t sequence = room_next[room]++;
    struct wave *w = &waves[room * opt.outstanding + sequence % opt.outstanding];
    *w = (struct wave){.ticket = sequence * nrooms + room, .sent = now, .out = true};
    waves_out++;
    if (nrooms > 1) snprintf(head, sizeof head, "[\"room\",\"room%u\",", room);
    say_payload(&clients[room * opt.members], head, w->ticket);
}

static void many_text(struct client *c, const char *p, size_t n) {
    struct piece s[2];
    uint64_t ticket;
    int count = n > 1 && *p == '2' ? strings(p + 1, n - 1, s, 2) : -1;
    uint32_t room = c->number / opt.members;
    if (count == 2 && is(s[0], "echo") && is(s[1], "joined")) {
        barrier++;
        return;
    }
    if (count != 2 || !is(s[0], nrooms > 1 ? "room" : "broadcast") ||
        !read_payload((uint8_t *)s[1].at, s[1].len, filler, &ticket) ||
        ticket % nrooms != room) {
        mismatch(c, "not a broadcast for this client", p, n);
        return;
    }
    uint64_t sequence = ticket / nrooms;
    struct wave *w = &waves[room * opt.outstanding + sequence % opt.outstanding];
    bool expected = sequence == c->expected && w->out && w->ticket == ticket;
    c->expected = sequence + 1;
    if (!expected) {
        mismatch(c, "lost, doubled or out of order", p, n);
        return;
    }
    if (measuring) tally.operations++;
    if (++w->heard < opt.members) return;
    w->out = false;
    waves_out--;
    if (measuring) note(now - w->sent);
    if (sending) send_wave(room);
}

static void many_prepare(void) {
    if (!strcmp(workload->name, "broadcast")) opt.members = opt.connections;
    nrooms = opt.connections / opt.members;
    if (!nrooms || opt.connections % opt.members) fatal("connections must fill the rooms");
    waves = zeroed((size_t)nrooms * opt.outstanding, sizeof *waves);
    room_next = zeroed(nrooms, sizeof *room_next);
    if (strcmp(workload->name, "rooms")) return;
    for (uint32_t i = 0; i < opt.connections; i++) {
        static struct bytes text;
        text.len = 0;
        put(&text, "42%s[\"join\",\"room%u\"]", opt.namespace, i / opt.members);
        say(&clients[i], text.data, text.len);
        text.len = 0; /* comes back when that is done */
        put(&text, "42%s[\"echo\",\"joined\"]", opt.namespace);
        say(&clients[i], text.data, text.len);
        send_touched();
        if (i % 64 == 63) turn(0);
    }
    for (uint64_t end = now + 20 * SECOND; barrier < opt.connections && now < end;) turn(20);
    if (barrier < opt.connections) fatal("%u of %u joined", barrier, opt.connections);
}

static void many_start(void) {
    for (uint32_t room = 0; room < nrooms; room++) {
        now = read_clock(CLOCK_MONOTONIC);
        for (uint32_t i = 0; i < opt.outstanding; i++) send_wave(room);
        send_touched();
    }
}

static uint64_t many_pending(void) {
    uint64_t missing = 0;
    for (uint32_t i = 0; waves_out && i < nrooms * opt.outstanding; i++)
        if (waves[i].out) missing += opt.members - waves[i].heard;
    return missing;
}

/* ---------------------------------------------------------- connect and idle */

static void ignore_text(struct client *c, const char *p, size_t n) {
    mismatch(c, "nothing was asked", p, n);
}

static void connect_report(void) {
    report(nlive, "\"rss_kib_before\": %lu, ", first.rss_kib);
}

static void idle_run(void) {
    uint64_t before = first.rss_kib, opening = last.wall - first.wall;
    uint64_t cpu = last.server - first.server;
    turn_for(opt.settle);
    nlatencies = tally.pings = 0;
    first = take_reading();
    turn_for(opt.seconds);
    last = take_reading();
    ending = true;
    report(tally.pings,
           "\"rss_kib_before\": %lu, \"kib_each\": %.3f, \"opened_per_second\": %.1f, "
           "\"opening_us\": %.1f, ",
           before, ((double)last.rss_kib - (double)before) / (nlive ? nlive : 1),
           (double)nlive * 1e9 / (double)opening, (double)cpu / 1e3 / (nlive ? nlive : 1));
}

/* -------------------------------------------------------------------- main */

static void timed_run(void) {
    uint32_t starved = 0;
    uint64_t operations;
    sending = true;
    workload->start();
    turn_for(opt.warmup);
    open_window();
    turn_for(opt.seconds);
    last = take_reading();
    operations = tally.operations;
    for (uint32_t i = 0; flights && i < opt.connections; i++) starved += !clients[i].answers;
    drain();
    ending = true;
    report(operations, "\"missing\": %lu, \"starved\": %u, ", workload->pending(), starved);
}

static const struct workload workloads[] = {
    {.name = "connect", .unit = "connections", .text = ignore_text, .run = connect_report},
    {.name = "idle", .unit = "pings", .text = ignore_text, .run = idle_run},
    {"echo", "events", closed_prepare, closed_start, timed_run, echo_text, NULL, closed_pending},
    {"ack", "acks", closed_prepare, closed_start, timed_run, ack_text, NULL, closed_pending},
    {"binary", "events", closed_prepare, closed_start, timed_run, binary_text, binary_bytes,
     closed_pending},
    {"open-ack", "acks", NULL, NULL, open_run, open_text, NULL, open_pending},
    {"broadcast", "deliveries", many_prepare, many_start, timed_run, many_text, NULL,
     many_pending},
    {"rooms", "deliveries", many_prepare, many_start, timed_run, many_text, NULL, many_pending},
};

static const char usage[] =
    "load SCENARIO --port PORT [options]\n"
    "  connect    open connections and report how many a second\n"
    "  idle       open connections, hold them, report memory and CPU\n"
    "  echo       each client has so many events outstanding, answered by an event\n"
    "  ack        the same, answered by an acknowledgement\n"
    "  open-ack   acknowledgements asked for at a fixed rate\n"
    "  binary     echo of an event with one attachment (not by polling)\n"
    "  broadcast  one client's event goes to all\n"
    "  rooms      in each room, one member's event goes to all members\n"
    "options\n"
    "  --host A (127.0.0.1)   --port N         --pid N        a server process (repeatable)\n"
    "  --via websocket|polling|upgrade         how clients connect\n"
    "  --connections N (100)  --opening N (64) how many connect at the same time\n"
    "  --outstanding N (1)    --size B (64)    --members N (50, of a room)\n"
    "  --content flat|nested|unicode           what text payloads are made of\n"
    "  --namespace /NAME (/)  --deflate        insist on permessage-deflate\n"
    "  --rate R (open-ack)    --warmup S (.5)  --seconds S (2)\n"
    "  --settle S (2, idle)   --patience S (10) wait for stragglers\n";

enum { HOST = 1, PORT, PID, VIA, CONNECTIONS, AT_ONCE, OUTSTANDING, SIZE, MEMBERS, RATE,
       WARMUP, SECONDS, SETTLE, PATIENCE, CONTENT, NAMESPACE, DEFLATE, HELP };

static const struct option options[] = {
    {"host", 1, 0, HOST}, {"port", 1, 0, PORT}, {"pid", 1, 0, PID}, {"via", 1, 0, VIA},
    {"connections", 1, 0, CONNECTIONS}, {"opening", 1, 0, AT_ONCE},
    {"outstanding", 1, 0, OUTSTANDING}, {"size", 1, 0, SIZE}, {"members", 1, 0, MEMBERS},
    {"rate", 1, 0, RATE}, {"warmup", 1, 0, WARMUP}, {"seconds", 1, 0, SECONDS},
    {"settle", 1, 0, SETTLE}, {"patience", 1, 0, PATIENCE},
    {"content", 1, 0, CONTENT}, {"namespace", 1, 0, NAMESPACE}, {"deflate", 0, 0, DEFLATE},
    {"help", 0, 0, HELP}, {0},
};

static void set_via(const char *word) {
    if (!strcmp(word, "websocket")) opt.via = VIA_WEBSOCKET;
    else if (!strcmp(word, "polling")) opt.via = VIA_POLLING;
    else if (!strcmp(word, "upgrade")) opt.via = VIA_UPGRADE;
    else fatal("--via takes websocket, polling or upgrade");
}

static void set_content(const char *word) {
    if (!strcmp(word, "flat")) opt.content = FLAT;
    else if (!strcmp(word, "nested")) opt.content = NESTED;
    else if (!strcmp(word, "unicode")) opt.content = UNICODE;
    else fatal("--content takes flat, nested or unicode");
}

static void set_namespace(const char *name) {
    size_t n = strlen(name);
    if (*name != '/' || n + 2 > sizeof opt.namespace) fatal("--namespace /NAME, 61 letters");
    if (n > 1) snprintf(opt.namespace, sizeof opt.namespace, "%s,", name);
}

static void read_options(int argc, char **argv) {
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (o) {
        case HOST: opt.host = optarg; break;
        case PORT: opt.port = atoi(optarg); break;
        case PID:
            if (opt.npids == MAX_PIDS) fatal("too many --pid");
            opt.pids[opt.npids++] = atoi(optarg);
            break;
        case VIA: set_via(optarg); break;
        case CONNECTIONS: opt.connections = (uint32_t)atoi(optarg); break;
        case AT_ONCE: opt.opening = (uint32_t)atoi(optarg); break;
        case OUTSTANDING: opt.outstanding = (uint32_t)atoi(optarg); break;
        case SIZE: opt.size = (size_t)atol(optarg); break;
        case MEMBERS: opt.members = (uint32_t)atoi(optarg); break;
        case RATE: opt.rate = atof(optarg); break;
        case WARMUP: opt.warmup = atof(optarg); break;
        case SECONDS: opt.seconds = atof(optarg); break;
        case SETTLE: opt.settle = atof(optarg); break;
        case PATIENCE: opt.patience = atof(optarg); break;
        case CONTENT: set_content(optarg); break;
        case NAMESPACE: set_namespace(optarg); break;
        case DEFLATE: opt.deflate = true; break;
        default: fputs(usage, stderr); exit(o == HELP ? 0 : 1);
        }
    }
    for (size_t i = 0; optind < argc && i < sizeof workloads / sizeof *workloads; i++)
        if (!strcmp(argv[optind], workloads[i].name)) workload = &workloads[i];
    if (!workload || !opt.port) fatal("%s", usage);
    if (opt.size < TICKET || opt.size > ARENA / 2) fatal("--size: 16 bytes to 16 MiB");
    if (!opt.connections || !opt.outstanding || !opt.opening || !opt.members)
        fatal("--connections, --outstanding, --opening and --members begin at 1");
    if (!strcmp(workload->name, "open-ack") && opt.rate <= 0) fatal("open-ack needs --rate");
}

int main(int argc, char **argv) {
    struct rlimit files;
    read_options(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    arena = room_for(NULL, ARENA + PIECE + 1, 1);
    make_filler();
    first = take_reading();
    open_clients();
    last = take_reading();
    bool needs_all = workload->pending != NULL;
    if (needs_all && nlive < opt.connections)
        fatal("%u of %u clients connected", nlive, opt.connections);
    if (needs_all) first = (struct reading){0};
    if (workload->prepare) workload->prepare();
    workload->run();
    return 0;
}
