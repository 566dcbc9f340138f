/*
 * Watches over the memory of requests: from the call that submits one until
 * aio_error() says that it is done, nobody may free, unmap or submit again what
 * the system may still touch. Whether it really touches it then does not matter,
 * so nothing depends on who is faster. Preloaded as librt.so.1, with rings.c: what a
 * ring has is in flight until its completion is in the ring.
 */
#define _GNU_SOURCE
#include <aio.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct request {
  /* NULL for that of a ring. */
  const struct aiocb *block;
  int ring;
  uint64_t user_data;
  uintptr_t buffer;
  size_t length;
  /* Whether the system writes to the buffer. */
  int is_read;
};

#define REQUESTS_MAX 65536
#define REPORTS_MAX 10

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct request requests[REQUESTS_MAX];
static int request_count;
static int64_t submissions, violations, frees;

/* Threads that submit requests free the library's memory, too. All others are of
   no interest, and glibc's own hold a lock when they free that aio_error() needs. */
static __thread int is_submitter;
static __thread int is_submitting;

extern void rings_look(void);

int64_t in_flight_submissions(void) { return submissions; }
int64_t in_flight_frees(void) { return frees; }
int64_t in_flight_violations(void) { return violations; }

#define REAL(name)                                                      \
  static __typeof__(name) *real;                                        \
  if (real == NULL) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

/* That of a ring is forgotten when it is done. */
static int is_in_progress(const struct aiocb *block) {
  static int (*real)(const struct aiocb *);
  if (block == NULL) return 1;
  if (real == NULL)
    real = (int (*)(const struct aiocb *))dlsym(RTLD_NEXT, "aio_error");
  return real(block) == EINPROGRESS;
}

/* Without memory of its own: this may be called by free(). */
static void violation(const char *what, uintptr_t start, size_t length) {
  char line[128];
  if (violations++ >= REPORTS_MAX) return;
  int written = snprintf(line, sizeof line, "%s: %zu bytes at %#lx\n", what,
                         length, (unsigned long)start);
  if (write(STDERR_FILENO, line, written) != written) abort();
}

static void forget(int index) { requests[index] = requests[--request_count]; }

static int overlaps(uintptr_t start, size_t length, uintptr_t other_start,
                    size_t other_length) {
  return length > 0 && other_length > 0 && start < other_start + other_length &&
         other_start < start + length;
}

/* Somebody takes memory for something else. Returns whether it is in flight. */
static int taken(const char *what, uintptr_t start, size_t length) {
  int is_touched = 0;
  pthread_mutex_lock(&mutex);
  rings_look();
  for (int i = request_count - 1; i >= 0; i--) {
    struct request *one = &requests[i];
    size_t block_length = one->block == NULL ? 0 : sizeof *one->block;
    if (!overlaps(start, length, (uintptr_t)one->block, block_length) &&
        !overlaps(start, length, one->buffer, one->length))
      continue;
    if (is_in_progress(one->block)) is_touched = 1;
    else forget(i);
  }
  if (is_touched) violation(what, start, length);
  pthread_mutex_unlock(&mutex);
  return is_touched;
}

/* A request is about to be submitted: nobody else may use its memory. To be called
   with the mutex held. */
static void add(struct request request) {
  for (int i = request_count - 1; i >= 0; i--) {
    struct request *one = &requests[i];
    if ((!request.is_read && !one->is_read) ||
        !overlaps(request.buffer, request.length, one->buffer, one->length))
      continue;
    if (is_in_progress(one->block))
      violation("a buffer is used twice at once", request.buffer,
                request.length);
    else forget(i);
  }
  submissions++;
  if (request_count == REQUESTS_MAX) abort();
  requests[request_count++] = request;
}

static void submitted(const struct aiocb *block, uintptr_t buffer,
                      size_t length, int is_read) {
  taken("a block was submitted in flight", (uintptr_t)block, sizeof *block);
  pthread_mutex_lock(&mutex);
  rings_look();
  add((struct request){block, -1, 0, buffer, length, is_read});
  pthread_mutex_unlock(&mutex);
}

/* Returns its index, or -1. */
static int index_of(int ring, uint64_t user_data) {
  for (int i = request_count - 1; i >= 0; i--)
    if (requests[i].block == NULL && requests[i].ring == ring &&
        requests[i].user_data == user_data)
      return i;
  return -1;
}

/* What a ring is handed; a call that fails hands it over once more. */
void ring_submitted(int ring, const struct io_uring_sqe *entry) {
  int is_read = entry->opcode == IORING_OP_READ;
  /* Of a list, the kernel reads where the buffers are. */
  int is_list =
      entry->opcode == IORING_OP_READV || entry->opcode == IORING_OP_WRITEV;
  is_submitter = 1;
  if (!is_read && !is_list && entry->opcode != IORING_OP_WRITE) return;
  size_t bytes = entry->len * (is_list ? sizeof(struct iovec) : 1);
  pthread_mutex_lock(&mutex);
  rings_look();
  if (index_of(ring, entry->user_data) == -1)
    add((struct request){NULL, ring, entry->user_data, entry->addr, bytes,
                         is_read});
  pthread_mutex_unlock(&mutex);
}

/* Called with the mutex held. */
void ring_completed(int ring, uint64_t user_data) {
  int index = index_of(ring, user_data);
  if (index != -1) forget(index);
}

static void submitted_transfer(const struct aiocb *block, int is_read) {
  submitted(block, (uintptr_t)block->aio_buf, block->aio_nbytes, is_read);
}

#define SUBMIT(name, ...)            \
  REAL(name);                        \
  is_submitter = is_submitting = 1;  \
  int outcome = real(__VA_ARGS__);   \
  is_submitting = 0;                 \
  return outcome

int aio_read(struct aiocb *block) {
  submitted_transfer(block, 1);
  SUBMIT(aio_read, block);
}

int aio_write(struct aiocb *block) {
  submitted_transfer(block, 0);
  SUBMIT(aio_write, block);
}

int aio_fsync(int operation, struct aiocb *block) {
  submitted(block, 0, 0, 0);
  SUBMIT(aio_fsync, operation, block);
}

int lio_listio(int mode, struct aiocb *const list[restrict], int count,
               struct sigevent *restrict event) {
  for (int i = 0; i < count; i++)
    if (list[i] != NULL && list[i]->aio_lio_opcode != LIO_NOP)
      submitted_transfer(list[i], list[i]->aio_lio_opcode == LIO_READ);
  SUBMIT(lio_listio, mode, list, count, event);
}

extern void __libc_free(void *);

void free(void *memory) {
  int error = errno;
  if (memory != NULL && is_submitter && !is_submitting) {
    frees++;
    /* Then it is kept: the program has to live to tell what was noticed. */
    if (taken("memory was freed in flight", (uintptr_t)memory,
              malloc_usable_size(memory)))
      memory = NULL;
  }
  __libc_free(memory);
  errno = error;
}

/* What V8 does with memory that nobody refers to any more. */

int munmap(void *start, size_t length) {
  taken("memory was unmapped in flight", (uintptr_t)start, length);
  return syscall(SYS_munmap, start, length);
}

int mprotect(void *start, size_t length, int protection) {
  if ((protection & PROT_WRITE) == 0)
    taken("memory was protected in flight", (uintptr_t)start, length);
  return syscall(SYS_mprotect, start, length, protection);
}

int madvise(void *start, size_t length, int advice) {
  if (advice == MADV_DONTNEED || advice == MADV_FREE)
    taken("memory was given up in flight", (uintptr_t)start, length);
  return syscall(SYS_madvise, start, length, advice);
}

void *mmap(void *start, size_t length, int protection, int flags, int fd,
           off_t offset) {
  if ((flags & MAP_FIXED) != 0)
    taken("memory was mapped over in flight", (uintptr_t)start, length);
  return (void *)syscall(SYS_mmap, start, length, protection, flags, fd,
                         offset);
}
