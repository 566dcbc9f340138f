/* The same work in C straight on aio(3): what a C programmer gets.
 *   cc -O2 aio_peer.c -o aio_peer
 *   ./aio_peer FILE DIRECT(0|1) DEPTH LANES SECONDS RAMP_SECONDS */
#define _GNU_SOURCE
#include <aio.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 4096, RING = 1 << 20 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static double cpu(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return u.ru_utime.tv_sec + u.ru_utime.tv_usec / 1e6 + u.ru_stime.tv_sec +
         u.ru_stime.tv_usec / 1e6;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  if (argc < 7) return 2;
  int direct = atoi(argv[2]), depth = atoi(argv[3]), lanes = atoi(argv[4]);
  double seconds = atof(argv[5]), ramp = atof(argv[6]);
  struct stat st;
  if (stat(argv[1], &st)) return 1;
  long blocks = st.st_size / BLOCK;
#ifdef __GLIBC__
  struct aioinit tuning = {.aio_threads = lanes,
                           .aio_num = depth > 64 ? depth : 64,
                           .aio_idle_time = 1};
  aio_init(&tuning);
#endif
  int *fds = calloc(lanes, sizeof *fds);
  for (int i = 0; i < lanes; i++)
    fds[i] = open(argv[1], O_RDONLY | (direct ? O_DIRECT : 0));
  struct aiocb *cbs = calloc(depth, sizeof *cbs);
  const struct aiocb **list = calloc(depth, sizeof *list);
  double *since = calloc(depth, sizeof *since);
  double *latency = calloc(RING, sizeof *latency);
  char *buffer;
  if (posix_memalign((void **)&buffer, BLOCK, (size_t)depth * BLOCK)) return 1;
#define SUBMIT(i)                                                  \
  do {                                                             \
    memset(&cbs[i], 0, sizeof cbs[i]);                             \
    cbs[i].aio_fildes = fds[(i) % lanes];                          \
    cbs[i].aio_buf = buffer + (size_t)(i)*BLOCK;                   \
    cbs[i].aio_nbytes = BLOCK;                                     \
    cbs[i].aio_offset = (off_t)(random() % blocks) * BLOCK;        \
    cbs[i].aio_sigevent.sigev_notify = SIGEV_NONE;                 \
    if (aio_read(&cbs[i])) return 1;                               \
  } while (0)
  for (int i = 0; i < depth; i++) {
    since[i] = now();
    SUBMIT(i);
    list[i] = &cbs[i];
  }
  long total = 0;
  double begin = now() + ramp, end = begin + seconds, cpu_begin = -1;
  for (double t = now(); t < end; t = now()) {
    aio_suspend(list, depth, NULL);
    for (int i = 0; i < depth; i++)
      if (aio_error(&cbs[i]) == 0) {
        if (aio_return(&cbs[i]) != BLOCK) return 1;
        t = now();
        if (t >= begin && t < end) {
          if (cpu_begin < 0) cpu_begin = cpu();
          latency[total++ % RING] = t - since[i];
        }
        since[i] = t;
        SUBMIT(i);
      }
  }
  double cores = (cpu() - cpu_begin) / seconds;
  long kept = total < RING ? total : RING;
  qsort(latency, kept, sizeof *latency, ascending);
  printf("{\"what\":\"aio_suspend in C\",\"iops\":%.0f,\"mbps\":%.1f,"
         "\"p50_us\":%.1f,\"p99_us\":%.1f,\"cores\":%.2f}\n",
         total / seconds, total * (double)BLOCK / seconds / 1e6,
         kept ? latency[kept / 2] * 1e6 : 0,
         kept ? latency[(long)(kept * 0.99)] * 1e6 : 0, cores);
  fflush(stdout);
  _exit(0);
}
