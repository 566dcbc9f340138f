/*
 * Makes every so many submissions fail with EAGAIN, as the C library does when it
 * has no memory for its tables.
 *
 * Preloaded as librt.so.1. AGAIN_PERIOD=3 refuses the third request, the sixth,
 * and so on, also of those that come in a list. Needs glibc.
 */
#define _GNU_SOURCE
#include <aio.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

static atomic_long requests, refusals;

/* How many requests were refused so far; for the program under test. */
long again_refusals(void) { return refusals; }

static int is_refused(void) {
  static long period;
  if (period == 0) {
    const char *given = getenv("AGAIN_PERIOD");
    if (given == NULL || (period = atol(given)) <= 0) abort();
  }
  if (++requests % period != 0) return 0;
  refusals++;
  return 1;
}

/* As the C library does, it leaves the block as it is. */
static int refuse(void) {
  errno = EAGAIN;
  return -1;
}

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

int aio_read(struct aiocb *block) {
  return is_refused() ? refuse() : REAL(aio_read)(block);
}

int aio_write(struct aiocb *block) {
  return is_refused() ? refuse() : REAL(aio_write)(block);
}

int aio_fsync(int operation, struct aiocb *block) {
  return is_refused() ? refuse() : REAL(aio_fsync)(operation, block);
}

/* Those that are not refused are queued, as POSIX has it. */
int lio_listio(int mode, struct aiocb *const list[restrict], int count,
               struct sigevent *restrict event) {
  struct aiocb *queued[count > 0 ? count : 1];
  int is_any_refused = 0;
  for (int i = 0; i < count; i++) {
    int is_out = list[i] != NULL && is_refused();
    queued[i] = is_out ? NULL : list[i];
    is_any_refused |= is_out;
  }
  int outcome = REAL(lio_listio)(mode, queued, count, event);
  return is_any_refused ? refuse() : outcome;
}
