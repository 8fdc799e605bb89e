/* limit.c - the least that a server can do for what load.c asks over WebSockets.

   One thread, epoll, libc only:   gcc -O2 -Wall -Wextra -o limit limit.c
   Usage:                          limit PORT

   It answers as a Socket.IO server would, but is none: it parses and checks nothing that
   the answer does not need, copies payloads as they came, and has a client in one room at
   most, without heartbeats. What is left is the kernel's work, the framing of RFC 6455
   and the copying, which every server has to do. As in sockio, all that a client gets in
   one pass of the loop leaves in one send. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE 65536   /* bytes in one receive */
#define ROOMS 65536

struct bytes {
    uint8_t *data;
    size_t len, cap;
};

struct client;

struct group {
    struct client **members;
    uint32_t count, cap;
};

struct client {
    int fd;
    bool open, dirty, blocked, attachment_due;
    uint32_t index;       /* in `everyone` */
    int32_t room;         /* -1: none */
    uint32_t seat;        /* in the room */
    struct bytes in, out; /* half a frame; what waits for the kernel */
    size_t taken;         /* bytes of `out` that the kernel has */
};

static struct group everyone, rooms[ROOMS];
static struct client **dirty;
static size_t ndirty, dirty_cap;
static int epoll;

static void fatal(const char *what) {
    perror(what);
    exit(1);
}

static void *resized(void *old, size_t count, size_t each) {
    void *p = reallocarray(old, count, each);
    if (!p) fatal("memory");
    return p;
}

/* Lengthen `b` by n bytes and return where they begin. */
static uint8_t *extend(struct bytes *b, size_t n) {
    if (b->len + n > b->cap) {
        b->cap = (b->len + n) * 3 / 2 + 64;
        b->data = resized(b->data, b->cap, 1);
    }
    b->len += n;
    return b->data + b->len - n;
}

/* Join a group; return the place in it. */
static uint32_t enter(struct group *g, struct client *c) {
    if (g->count == g->cap) {
        g->cap = g->cap ? g->cap * 2 : 16;
        g->members = resized(g->members, g->cap, sizeof *g->members);
    }
    g->members[g->count] = c;
    return g->count++;
}

static void touch(struct client *c) {
    if (c->dirty) return;
    c->dirty = true;
    if (ndirty == dirty_cap) {
        dirty_cap = dirty_cap ? dirty_cap * 2 : 1024;
        dirty = resized(dirty, dirty_cap, sizeof *dirty);
    }
    dirty[ndirty++] = c;
}

/* ------------------------------------------------------------------- out */

/* Begin a frame of n bytes after what waits; return where its payload belongs. */
static uint8_t *frame(struct bytes *out, int opcode, size_t n) {
    size_t head = n < 126 ? 2 : n < 65536 ? 4 : 10;
    uint8_t *p = extend(out, head + n);
    p[0] = (uint8_t)(0x80 | opcode);
    p[1] = (uint8_t)(n < 126 ? n : n < 65536 ? 126 : 127);
    for (size_t i = 2; i < head; i++) p[i] = (uint8_t)((uint64_t)n >> 8 * (head - 1 - i));
    return p + head;
}

/* Answer with a frame made of two pieces. */
static void answer(struct client *c, int opcode, const void *a, size_t na, const void *b,
                   size_t nb) {
    uint8_t *p = frame(&c->out, opcode, na + nb);
    memcpy(p, a, na);
    if (nb) memcpy(p + na, b, nb);
    touch(c);
}

static void answer_all(struct group *g, const void *a, size_t na, const void *b, size_t nb) {
    static struct bytes made;
    made.len = 0;
    uint8_t *p = frame(&made, 1, na + nb);
    memcpy(p, a, na);
    memcpy(p + na, b, nb);
    for (uint32_t i = 0; i < g->count; i++) {
        memcpy(extend(&g->members[i]->out, made.len), made.data, made.len);
        touch(g->members[i]);
    }
}

static void watch(struct client *c, int operation, bool blocked) {
    struct epoll_event e = {.events = EPOLLIN | (blocked ? EPOLLOUT : 0), .data.ptr = c};
    if (epoll_ctl(epoll, operation, c->fd, &e) < 0) fatal("epoll_ctl");
    c->blocked = blocked;
}

static void flush(struct client *c) {
    while (c->taken < c->out.len) {
        ssize_t n = send(c->fd, c->out.data + c->taken, c->out.len - c->taken, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EAGAIN && !c->blocked) watch(c, EPOLL_CTL_MOD, true);
            return; /* the next receive reports any other error too */
        }
        c->taken += (size_t)n;
    }
    c->taken = c->out.len = 0;
    if (c->blocked) watch(c, EPOLL_CTL_MOD, false);
}

static void flush_dirty(void) {
    for (size_t i = 0; i < ndirty; i++) {
        struct client *c = dirty[i];
        c->dirty = false;
        if (c->fd < 0) free(c); /* gone in this pass */
        else flush(c);
    }
    ndirty = 0;
}

static void leave(struct group *g, uint32_t seat, bool in_room) {
    struct client *last = g->members[--g->count];
    g->members[seat] = last;
    if (in_room) last->seat = seat;
    else last->index = seat;
}

static void lose(struct client *c) {
    if (c->fd < 0) return;
    close(c->fd);
    c->fd = -1;
    if (c->open) leave(&everyone, c->index, false);
    if (c->room >= 0) leave(&rooms[c->room], c->seat, true);
    free(c->in.data);
    free(c->out.data);
    c->in = c->out = (struct bytes){0};
    touch(c); /* freed at the end of the pass: the loop may still hold it */
}

/* -------------------------------------------------------------------- in */

/* A Socket.IO packet `p`, with the 4 of Engine.IO before it: type, attachments,
   namespace, id, array. */
static void packet(struct client *c, uint8_t *p, size_t n) {
    uint8_t *end = p + n, *at = p + 2, *event = memchr(p, '[', n), *comma;
    if (n < 2 || p[0] != '4') return;
    if (p[1] == '0') {
        static const char sid[] = "{\"sid\":\"0123456789abcdefghij\"}";
        answer(c, 1, p, n, sid, sizeof sid - 1);
        return;
    }
    if (!event || end - event < 8) return;
    if (p[1] == '5') {
        c->attachment_due = true;
        answer(c, 1, p, n, NULL, 0);
        return;
    }
    if (event > at && event[-1] >= '0' && event[-1] <= '9') { /* an id: ["ack",X] */
        comma = memchr(event, ',', (size_t)(end - event));
        if (!comma) return;
        /* The head moves up to where the payload begins: 43ID[X] */
        size_t width = (size_t)(event - p);
        p[1] = '3';
        *comma = '[';
        memmove(comma - width, p, width);
        answer(c, 1, comma - width, (size_t)(end - comma) + width, NULL, 0);
        return;
    }
    switch (event[2]) {
    case 'e': /* ["echo",X] */
        answer(c, 1, p, n, NULL, 0);
        return;
    case 'b': /* ["broadcast",X] */
        answer_all(&everyone, p, n, "", 0);
        return;
    case 'j': /* ["join","roomN"] */
        if (c->room >= 0) return;
        c->room = atoi((char *)event + 13) % ROOMS;
        c->seat = enter(&rooms[c->room], c);
        return;
    case 'r': /* ["room","roomN",X] */
        comma = memchr(event + 8, ',', (size_t)(end - event - 8));
        if (comma)
            answer_all(&rooms[atoi((char *)event + 13) % ROOMS], p, (size_t)(event + 7 - p),
                       comma, (size_t)(end - comma));
    }
}

#define KEY "c29ja2lvLWJlbmNobWFyaw=="
#define HELLO                                                                            \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"  \
    "Sec-WebSocket-Accept: buH7cplmAJIYsEHAJuNjzZJ5Y2U=\r\n\r\n"
#define OPEN                                                                             \
    "0{\"sid\":\"0123456789abcdefghij\",\"upgrades\":[],\"pingInterval\":25000,"         \
    "\"pingTimeout\":20000,\"maxPayload\":1000000}"

/* The handshake; load.c always sends the same key, so the answer is known. */
static size_t greet(struct client *c, uint8_t *p, size_t n) {
    uint8_t *end = memmem(p, n, "\r\n\r\n", 4);
    if (!end) return 0;
    if (!memmem(p, n, KEY, sizeof KEY - 1)) {
        lose(c);
        return 0;
    }
    memcpy(extend(&c->out, sizeof HELLO - 1), HELLO, sizeof HELLO - 1);
    answer(c, 1, OPEN, sizeof OPEN - 1, NULL, 0);
    c->open = true;
    c->index = enter(&everyone, c);
    return (size_t)(end + 4 - p);
}

static void unmask(uint8_t *p, size_t n, const uint8_t *key) {
    uint32_t narrow;
    uint64_t wide, word;
    memcpy(&narrow, key, 4);
    wide = (uint64_t)narrow << 32 | narrow;
    for (; n >= 8; n -= 8, p += 8) {
        memcpy(&word, p, 8);
        word ^= wide;
        memcpy(p, &word, 8);
    }
    for (size_t i = 0; i < n; i++) p[i] ^= key[i & 3];
}

/* Take one frame; return the bytes used, 0 if it is not complete. */
static size_t take_frame(struct client *c, uint8_t *p, size_t n) {
    if (n < 6) return 0;
    size_t head = (p[1] & 127) == 126 ? 4 : (p[1] & 127) == 127 ? 10 : 2;
    uint64_t length = head == 2 ? p[1] & 127 : 0;
    if (n < head + 4) return 0;
    for (size_t i = 2; i < head; i++) length = length << 8 | p[i];
    if (n - head - 4 < length) return 0;
    uint8_t *payload = p + head + 4;
    unmask(payload, length, p + head);
    switch (p[0] & 15) {
    case 1: packet(c, payload, length); break;
    case 2:
        if (c->attachment_due) answer(c, 2, payload, length, NULL, 0);
        c->attachment_due = false;
        break;
    case 8: lose(c); break;
    }
    return head + 4 + length;
}

static void receive(struct client *c) {
    static uint8_t piece[PIECE];
    uint8_t *p = piece;
    size_t total, used = 0;
    /* The rest of a partial frame is appended to it. */
    if (c->in.len) {
        p = extend(&c->in, PIECE);
        c->in.len -= PIECE;
    }
    ssize_t got = recv(c->fd, p, PIECE, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        lose(c);
        return;
    }
    total = (size_t)got;
    if (p != piece) {
        c->in.len += total;
        total = c->in.len;
        p = c->in.data;
    }
    while (used < total) {
        size_t n = c->open ? take_frame(c, p + used, total - used) : greet(c, p, total);
        if (c->fd < 0) return;
        if (!n) break;
        used += n;
    }
    if (p != piece) {
        memmove(p, p + used, total - used);
        c->in.len = total - used;
    } else if (used < total) {
        memcpy(extend(&c->in, total - used), p + used, total - used);
    }
}

/* ------------------------------------------------------------------ main */

static void admit(int listener) {
    for (int one = 1;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        struct client *c = calloc(1, sizeof *c);
        if (!c) fatal("memory");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        c->fd = fd;
        c->room = -1;
        watch(c, EPOLL_CTL_ADD, false);
    }
}

static int listen_on(int port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 4096) < 0)
        fatal("listen");
    return fd;
}

int main(int argc, char **argv) {
    struct epoll_event events[512], e = {.events = EPOLLIN, .data.ptr = NULL};
    struct rlimit files;
    if (argc != 2) {
        fputs("limit PORT\n", stderr);
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int listener = listen_on(atoi(argv[1]));
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e) < 0) fatal("epoll_ctl");
    for (;;) {
        int n = epoll_wait(epoll, events, 512, -1);
        for (int i = 0; i < n; i++) {
            struct client *c = events[i].data.ptr;
            if (!c) admit(listener);
            else if (c->fd >= 0 && events[i].events & EPOLLOUT) flush(c);
            if (c && c->fd >= 0 && events[i].events & ~(uint32_t)EPOLLOUT) receive(c);
        }
        flush_dirty();
    }
}
