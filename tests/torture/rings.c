/*
 * Rings of io_uring(7) in which things go wrong when a test says so, and whose
 * transfers others can look at.
 *
 * Preloaded as librt.so.1, where the library looks for syscall(2) first. What
 * happens is for the environment to say:
 *
 * RINGS_SETUP=ERRNO        io_uring_setup fails
 * RINGS_ENTRIES_MAX=COUNT  it has no memory for rings of more entries
 * RINGS_COMPLETIONS=COUNT  a ring has room for so few completions
 * RINGS_ENTER=ERRNO:PERIOD so often a call fails that hands entries over, on average
 * RINGS_TAKEN=COUNT        such a call takes so few entries at most
 * RINGS_SHORT=BYTES:PERIOD so often a transfer is of so few bytes at most
 * RINGS_CALLS=THREADS      requests of regular files are served by threads with
 *   pread, pwrite, fsync and fdatasync, which strace(1) and seccomp(2) can see and
 *   tamper with. The threads are as those of aio(3): one more where none is idle,
 *   up to that number.
 *
 * Needs Linux 5.18 and glibc 2.34.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define RINGS_MAX 16
#define ENTRIES_MAX 4096

/* A ring of submissions, as this process sees it. */
struct ring {
  int fd;
  uint32_t *head, *tail, *flags, *array, mask;
  struct io_uring_sqe *entries;
  /* That of completions. */
  uint32_t *done_tail, done_mask, seen;
  struct io_uring_cqe *completions;
};

/* A request that a thread serves in the place of the kernel. */
struct job {
  int ring;
  struct io_uring_sqe entry;
  struct job *next;
};

static struct ring rings[RINGS_MAX];
static int ring_count;

/* For the program under test. */
static int64_t setups, refusals, shorts, jobs_served, overflows;
int64_t rings_setups(void) { return setups; }
int64_t rings_refusals(void) { return refusals; }
int64_t rings_shorts(void) { return shorts; }
int64_t rings_jobs(void) { return jobs_served; }
int64_t rings_overflows(void) { return overflows; }

static long (*real)(long, ...);

static void find_real(void) {
  if (real == NULL) real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
}

/* Reads a number, and one behind a colon. Returns whether there is any. */
static int setting(const char *name, long *first, long *second) {
  const char *given = getenv(name);
  if (given == NULL) return 0;
  char *end;
  *first = strtol(given, &end, 10);
  if (second != NULL) *second = *end == ':' ? strtol(end + 1, NULL, 10) : 1;
  return 1;
}

static long failed(long error) {
  errno = error;
  return -1;
}

/* For who watches over memory, see in_flight.c: what is handed over, and what the
   kernel has done. */
extern void ring_submitted(int ring, const struct io_uring_sqe *entry)
    __attribute__((weak));
extern void ring_completed(int ring, uint64_t user_data) __attribute__((weak));

/* Tells of completions that are in the rings. More than a ring has room for must
   not come between two looks. */
void rings_look(void) {
  if (ring_completed == NULL) return;
  for (int i = 0; i < ring_count; i++) {
    struct ring *ring = &rings[i];
    uint32_t tail = __atomic_load_n(ring->done_tail, __ATOMIC_ACQUIRE);
    for (; ring->seen != tail; ring->seen++)
      ring_completed(ring->fd,
                     ring->completions[ring->seen & ring->done_mask].user_data);
  }
}

/* Threads that serve requests. */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t has_job = PTHREAD_COND_INITIALIZER;
static struct job *first_job, **last_job = &first_job;
static long waiting_jobs, idle, threads, threads_max;

static void die(const char *what) {
  perror(what);
  abort();
}

/* A ring of the thread's own, by which it puts completions into others. */
static struct ring *open_own_ring(void);

static void post(struct ring *own, const struct job *job, int64_t result) {
  struct io_uring_sqe *entry = &own->entries[0];
  memset(entry, 0, sizeof *entry);
  entry->opcode = IORING_OP_MSG_RING;
  entry->flags = IOSQE_CQE_SKIP_SUCCESS;
  entry->fd = job->ring;
  entry->addr = IORING_MSG_DATA;
  entry->len = (uint32_t)result;
  entry->off = job->entry.user_data;
  __atomic_store_n(own->tail, *own->tail + 1, __ATOMIC_RELEASE);
  if (real(__NR_io_uring_enter, own->fd, 1, 0, 0, NULL, 0) != 1)
    die("io_uring_enter");
}

static int64_t serve(const struct io_uring_sqe *entry) {
  void *memory = (void *)(uintptr_t)entry->addr;
  int64_t result =
      entry->opcode == IORING_OP_READ
          ? pread(entry->fd, memory, entry->len, entry->off)
      : entry->opcode == IORING_OP_WRITE
          ? pwrite(entry->fd, memory, entry->len, entry->off)
      : entry->opcode == IORING_OP_READV
          ? preadv(entry->fd, memory, entry->len, entry->off)
      : entry->opcode == IORING_OP_WRITEV
          ? pwritev(entry->fd, memory, entry->len, entry->off)
      : entry->fsync_flags & IORING_FSYNC_DATASYNC ? fdatasync(entry->fd)
                                                   : fsync(entry->fd);
  return result == -1 ? -errno : result;
}

static void *work(void *unused) {
  (void)unused;
  struct ring *own = open_own_ring();
  pthread_mutex_lock(&mutex);
  for (;;) {
    while (first_job == NULL) {
      idle++;
      pthread_cond_wait(&has_job, &mutex);
      idle--;
    }
    struct job *job = first_job;
    first_job = job->next;
    if (first_job == NULL) last_job = &first_job;
    waiting_jobs--;
    pthread_mutex_unlock(&mutex);
    post(own, job, serve(&job->entry));
    free(job);
    pthread_mutex_lock(&mutex);
  }
  return NULL;
}

static void hand_to_thread(int ring, const struct io_uring_sqe *entry) {
  struct job *job = malloc(sizeof *job);
  if (job == NULL) die("malloc");
  *job = (struct job){ring, *entry, NULL};
  pthread_mutex_lock(&mutex);
  *last_job = job;
  last_job = &job->next;
  waiting_jobs++;
  jobs_served++;
  if (idle < waiting_jobs && threads < threads_max) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, NULL) != 0) die("pthread_create");
    pthread_detach(thread);
    threads++;
  }
  pthread_cond_signal(&has_job);
  pthread_mutex_unlock(&mutex);
}

static int is_vectored(const struct io_uring_sqe *entry) {
  return entry->opcode == IORING_OP_READV || entry->opcode == IORING_OP_WRITEV;
}

static int is_transfer(const struct io_uring_sqe *entry) {
  return entry->opcode == IORING_OP_READ ||
         entry->opcode == IORING_OP_WRITE || is_vectored(entry);
}

/* Whether a thread can serve it: what may wait for ever stays with the kernel, and
   an empty transfer, which asks the kernel for something else. */
static int is_for_thread(const struct io_uring_sqe *entry) {
  struct stat status;
  int is_empty = is_transfer(entry) && entry->len == 0;
  return threads_max > 0 && !is_empty &&
         (is_transfer(entry) || entry->opcode == IORING_OP_FSYNC) &&
         fstat(entry->fd, &status) == 0 && S_ISREG(status.st_mode);
}

/* System calls. */

static void see(struct ring *ring, int fd, const struct io_uring_params *made) {
  size_t bytes = made->sq_off.array + made->sq_entries * sizeof(uint32_t);
  size_t done_bytes = made->cq_off.cqes +
                      made->cq_entries * sizeof(struct io_uring_cqe);
  if (done_bytes > bytes) bytes = done_bytes;
  char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                      IORING_OFF_SQ_RING);
  ring->entries =
      mmap(NULL, made->sq_entries * sizeof(struct io_uring_sqe),
           PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQES);
  if (memory == MAP_FAILED || ring->entries == MAP_FAILED) die("mmap");
  ring->fd = fd;
  ring->head = (uint32_t *)(memory + made->sq_off.head);
  ring->tail = (uint32_t *)(memory + made->sq_off.tail);
  ring->flags = (uint32_t *)(memory + made->sq_off.flags);
  ring->array = (uint32_t *)(memory + made->sq_off.array);
  ring->mask = made->sq_entries - 1;
  ring->done_tail = (uint32_t *)(memory + made->cq_off.tail);
  ring->done_mask = made->cq_entries - 1;
  ring->completions = (struct io_uring_cqe *)(memory + made->cq_off.cqes);
}

static struct ring *open_own_ring(void) {
  struct io_uring_params made = {0};
  int fd = real(__NR_io_uring_setup, 1, &made);
  struct ring *own = malloc(sizeof *own);
  if (fd < 0 || own == NULL) die("io_uring_setup");
  see(own, fd, &made);
  own->array[0] = 0;
  return own;
}

static long set_up(unsigned entries, struct io_uring_params *params) {
  long error, most, completions;
  setups++;
  if (setting("RINGS_SETUP", &error, NULL)) return failed(error);
  if (setting("RINGS_ENTRIES_MAX", &most, NULL) && entries > most)
    return failed(ENOMEM);
  if (setting("RINGS_COMPLETIONS", &completions, NULL)) {
    params->flags |= IORING_SETUP_CQSIZE;
    params->cq_entries = completions > entries ? completions : entries;
  }
  setting("RINGS_CALLS", &threads_max, NULL);
  long fd = real(__NR_io_uring_setup, entries, params);
  if (fd < 0) return fd;
  if (ring_count == RINGS_MAX) abort();
  see(&rings[ring_count++], fd, params);
  return fd;
}

static struct ring *ring_of(int fd) {
  for (int i = 0; i < ring_count; i++)
    if (rings[i].fd == fd) return &rings[i];
  return NULL;
}

static struct io_uring_sqe *entry_at(struct ring *ring, uint32_t at) {
  return &ring->entries[ring->array[at & ring->mask]];
}

/* A buffer of a list that was made shorter. */
struct cut {
  struct iovec *vector;
  size_t length;
};

/* Leaves out buffers of a list, and the end of the last one that is left. */
static struct cut shorten_list(struct io_uring_sqe *entry, size_t most) {
  struct iovec *vector = (struct iovec *)(uintptr_t)entry->addr;
  for (uint32_t at = 0; at < entry->len; at++, vector++) {
    struct cut cut = {vector, vector->iov_len};
    if (vector->iov_len > most) {
      vector->iov_len = most;
      entry->len = at + 1;
      shorts++;
      return cut;
    }
    most -= vector->iov_len;
  }
  return (struct cut){NULL, 0};
}

/* Makes a transfer shorter, if it is to be. Returns what was cut of a list. */
static struct cut shorten(struct io_uring_sqe *entry) {
  struct cut none = {NULL, 0};
  static int64_t transfers;
  long most, period;
  if (!is_transfer(entry) || !setting("RINGS_SHORT", &most, &period))
    return none;
  if (++transfers % period != 0) return none;
  if (is_vectored(entry)) return shorten_list(entry, most);
  if (entry->len <= most) return none;
  entry->len = most;
  shorts++;
  return none;
}

static long enter(int fd, unsigned count, unsigned least, unsigned flags,
                  void *arg, size_t size) {
  static uint32_t seed = 1;
  struct ring *ring = ring_of(fd);
  long error, period, most;
  if (ring != NULL && (*ring->flags & IORING_SQ_CQ_OVERFLOW) != 0) overflows++;
  if (ring == NULL || count == 0)
    return real(__NR_io_uring_enter, fd, count, least, flags, arg, size);
  /* At random, or calls that take turns would fail for ever. */
  seed = seed * 1103515245 + 12345;
  if (setting("RINGS_ENTER", &error, &period) && (seed >> 16) % period == 0) {
    refusals++;
    return failed(error);
  }
  if (setting("RINGS_TAKEN", &most, NULL) && count > most) count = most;
  if (count > ENTRIES_MAX) abort();
  struct io_uring_sqe before[count];
  struct cut cuts[count];
  uint32_t head = *ring->head;
  for (unsigned at = 0; at < count; at++) {
    struct io_uring_sqe *entry = entry_at(ring, head + at);
    before[at] = *entry;
    cuts[at] = (struct cut){NULL, 0};
    if (ring_submitted != NULL) ring_submitted(fd, entry);
    if (is_for_thread(entry)) {
      memset(entry, 0, sizeof *entry);
      entry->opcode = IORING_OP_NOP;
      entry->flags = IOSQE_CQE_SKIP_SUCCESS;
    } else cuts[at] = shorten(entry);
  }
  long taken = real(__NR_io_uring_enter, fd, count, least, flags, arg, size);
  int outcome = errno;
  for (unsigned at = 0; at < count; at++) {
    if ((long)at >= taken) {
      *entry_at(ring, head + at) = before[at];
      if (cuts[at].vector != NULL) cuts[at].vector->iov_len = cuts[at].length;
    } else if (is_for_thread(&before[at])) hand_to_thread(fd, &before[at]);
  }
  errno = outcome;
  return taken;
}

long syscall(long number, ...) {
  long args[6];
  va_list given;
  va_start(given, number);
  for (int i = 0; i < 6; i++) args[i] = va_arg(given, long);
  va_end(given);
  find_real();
  if (number == __NR_io_uring_setup)
    return set_up(args[0], (struct io_uring_params *)args[1]);
  if (number == __NR_io_uring_enter)
    return enter(args[0], args[1], args[2], args[3], (void *)args[4], args[5]);
  return real(number, args[0], args[1], args[2], args[3], args[4], args[5]);
}
