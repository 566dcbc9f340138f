/*
 * A page to learn from: prints the bytes, the newlines and the CRC-32 of each
 * block of a file, and of the whole file; reads ahead with several requests in
 * flight.
 *
 *   cc -o ported_from_c ported_from_c.c    (before glibc 2.34 with -lrt)
 *   ./ported_from_c FILE
 *   ./ported_from_c --help
 *
 * ported_from_c.ts is the same program in TypeScript, statement by statement.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEPTH 8
#define BLOCK_BYTES 65536

static struct aiocb blocks[DEPTH];
static unsigned char buffers[DEPTH][BLOCK_BYTES];
static uint32_t crc_table[256];

static void make_crc_table(void) {
  for (uint32_t n = 0; n < 256; n++) {
    uint32_t crc = n;
    for (int bit = 0; bit < 8; bit++) {
      crc = crc & 1 ? 0xedb88320 ^ (crc >> 1) : crc >> 1;
    }
    crc_table[n] = crc;
  }
}

static uint32_t update_crc(uint32_t crc, const unsigned char *bytes,
                           size_t length) {
  crc = ~crc;
  for (size_t i = 0; i < length; i++) {
    crc = crc_table[(crc ^ bytes[i]) & 0xff] ^ (crc >> 8);
  }
  return ~crc;
}

static size_t count_newlines(const unsigned char *bytes, size_t length) {
  size_t newlines = 0;
  for (size_t i = 0; i < length; i++) {
    if (bytes[i] == '\n') newlines++;
  }
  return newlines;
}

static void print_line(const char *name, int64_t bytes, size_t newlines,
                       uint32_t crc) {
  printf("%12s %12" PRId64 " %10zu  %08" PRIx32 "\n", name, bytes, newlines,
         crc);
}

static void print_usage(FILE *stream) {
  fprintf(stream, "usage: ported_from_c FILE\n"
                  "Prints the bytes, the newlines and the CRC-32 of each block "
                  "of FILE and of all.\n");
}

static int fail(const char *what, const char *path, int error) {
  fprintf(stderr, "ported_from_c: cannot %s %s: %s\n", what, path,
          strerror(error));
  return 1;
}

static int wait_for(struct aiocb *cb) {
  const struct aiocb *list[] = {cb};
  int error = aio_error(cb);
  while (error == EINPROGRESS) {
    aio_suspend(list, 1, NULL);
    error = aio_error(cb);
  }
  return error;
}

static void stop(int fd, int first, int count) {
  aio_cancel(fd, NULL);
  for (int i = 0; i < count; i++) {
    struct aiocb *cb = &blocks[(first + i) % DEPTH];
    wait_for(cb);
    aio_return(cb);
  }
}

int main(int argc, char *argv[]) {
  if (argc != 2) {
    print_usage(stderr);
    return 2;
  }
  if (strcmp(argv[1], "--help") == 0) {
    print_usage(stdout);
    return 0;
  }
  const char *path = argv[1];
  int fd = open(path, O_RDONLY);
  if (fd == -1) {
    return fail("open", path, errno);
  }
  make_crc_table();

  int64_t next_offset = 0;
  for (int i = 0; i < DEPTH; i++) {
    struct aiocb *cb = &blocks[i];
    memset(cb, 0, sizeof *cb);
    cb->aio_fildes = fd;
    cb->aio_buf = buffers[i];
    cb->aio_nbytes = BLOCK_BYTES;
    cb->aio_offset = next_offset;
    cb->aio_sigevent.sigev_notify = SIGEV_NONE;
    if (aio_read(cb) == -1) {
      int error = errno;
      stop(fd, 0, i);
      return fail("read", path, error);
    }
    next_offset += BLOCK_BYTES;
  }

  int64_t bytes = 0;
  size_t newlines = 0;
  uint32_t crc = 0;
  for (int i = 0;; i = (i + 1) % DEPTH) {
    struct aiocb *cb = &blocks[i];
    int error = wait_for(cb);
    if (error != 0) {
      stop(fd, i, DEPTH);
      return fail("read", path, error);
    }
    ssize_t nread = aio_return(cb);
    if (nread > 0) {
      char name[32];
      snprintf(name, sizeof name, "%" PRId64, bytes);
      size_t found = count_newlines(buffers[i], nread);
      print_line(name, nread, found, update_crc(0, buffers[i], nread));
      bytes += nread;
      newlines += found;
      crc = update_crc(crc, buffers[i], nread);
    }
    if (nread < BLOCK_BYTES) {
      stop(fd, i + 1, DEPTH - 1);
      break;
    }
    cb->aio_offset = next_offset;
    if (aio_read(cb) == -1) {
      error = errno;
      stop(fd, i + 1, DEPTH - 1);
      return fail("read", path, error);
    }
    next_offset += BLOCK_BYTES;
  }
  print_line("total", bytes, newlines, crc);
  close(fd);
  return 0;
}
