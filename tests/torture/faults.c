/*
 * Makes system calls on one file, and allocations, fail when a test says so.
 *
 * Preloaded as librt.so.1. A thread beside the program decides about each system
 * call that seccomp(2) holds back for it: the call goes on, fails, or transfers
 * less than it was asked to. Transfers of the watched file are made by that
 * thread itself, so that it can tell what really came of each. Unlike strace(1)
 * this counts calls over all threads, its short transfers are true, and it needs
 * no ptrace. The program must not start others: they would be held back as well.
 * Needs Linux 5.5 and glibc 2.34.
 */
#define _GNU_SOURCE
#include <aio.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Exit status by which a test sees that this cannot be used here. */
#define UNAVAILABLE 77

enum call {
  PREAD, PWRITE, READ, WRITE, FSYNC, FDATASYNC, DUP, THREAD,
  ALIGNED_ALLOC, SUBMISSION_ALLOC,
  CALLS
};

/* From the `first` call of its kind to the `last`, every `step`th. */
struct rule {
  int call;
  /* An error number; or -1, -2, ... to transfer 0, 1, ... bytes at most. */
  int fault;
  int64_t first, last, step;
};

/* What became of a call of the watched file. */
struct record {
  int64_t call, offset, length, fault;
  /* Bytes, or minus an error number. */
  int64_t result;
};

#define RULES_MAX 16
#define RECORDS_MAX 16384

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct rule rules[RULES_MAX];
static int rule_count;
static int64_t counts[CALLS], hits[CALLS];
static struct record records[RECORDS_MAX];
static int64_t record_count;
static dev_t watched_device;
static ino_t watched_inode;

static int listener = -1;
static sem_t is_listening;
static __thread int is_submitting;
static volatile int is_main_submitting;

/* Counts a call. Returns what to do to it, 0 for nothing. */
static int fault_of(enum call call) {
  int fault = 0;
  pthread_mutex_lock(&mutex);
  int64_t count = ++counts[call];
  for (int i = 0; i < rule_count; i++) {
    struct rule rule = rules[i];
    if (rule.call != (int)call || count < rule.first || count > rule.last ||
        (count - rule.first) % rule.step != 0)
      continue;
    fault = rule.fault;
    hits[call]++;
    break;
  }
  pthread_mutex_unlock(&mutex);
  return fault;
}

static void note(enum call call, int64_t offset, int64_t length, int fault,
                 int64_t result) {
  pthread_mutex_lock(&mutex);
  if (record_count < RECORDS_MAX)
    records[record_count++] =
        (struct record){call, offset, length, fault, result};
  pthread_mutex_unlock(&mutex);
}

/* What the program calls. */

void faults_watch(int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0) abort();
  pthread_mutex_lock(&mutex);
  watched_device = status.st_dev;
  watched_inode = status.st_ino;
  pthread_mutex_unlock(&mutex);
}

void faults_add(int call, int fault, int64_t first, int64_t last,
                int64_t step) {
  pthread_mutex_lock(&mutex);
  if (rule_count == RULES_MAX) abort();
  rules[rule_count++] = (struct rule){call, fault, first, last, step};
  pthread_mutex_unlock(&mutex);
}

/* No faults any more. */
void faults_stop(void) {
  pthread_mutex_lock(&mutex);
  rule_count = 0;
  pthread_mutex_unlock(&mutex);
}

/* Everything is counted from here on. */
void faults_reset(void) {
  pthread_mutex_lock(&mutex);
  record_count = 0;
  memset(counts, 0, sizeof counts);
  memset(hits, 0, sizeof hits);
  pthread_mutex_unlock(&mutex);
}

int64_t faults_count(int call) { return counts[call]; }
int64_t faults_hits(int call) { return hits[call]; }
int64_t faults_record_count(void) { return record_count; }
struct record *faults_records(void) { return records; }

/* System calls. */

static int is_watched(int fd) {
  struct stat status;
  return watched_inode != 0 && fstat(fd, &status) == 0 &&
         status.st_dev == watched_device && status.st_ino == watched_inode;
}

static int64_t transfer(enum call call, const uint64_t *args, size_t length) {
  int fd = args[0];
  void *memory = (void *)args[1];
  int64_t result = call == PREAD    ? pread(fd, memory, length, args[3])
                   : call == PWRITE ? pwrite(fd, memory, length, args[3])
                   : call == READ   ? read(fd, memory, length)
                   : call == WRITE  ? write(fd, memory, length)
                   : call == FSYNC  ? fsync(fd)
                                    : fdatasync(fd);
  return result == -1 ? -errno : result;
}

static void answer(struct seccomp_notif_resp *response, int64_t result) {
  response->flags = 0;
  if (result < 0) response->error = result;
  else response->val = result;
}

/* Decides about a transfer or a synchronization. Those of a pipe must not have
   to wait for anything. */
static void serve(enum call call, const uint64_t *args,
                  struct seccomp_notif_resp *response) {
  if (!is_watched(args[0])) return;
  int fault = fault_of(call);
  int isSync = call == FSYNC || call == FDATASYNC;
  int64_t length = isSync ? 0 : args[2];
  int64_t offset = call == PREAD || call == PWRITE ? args[3] : 0;
  int64_t most = fault < 0 && -1 - fault < length ? -1 - fault : length;
  int64_t result = fault > 0 ? -fault : transfer(call, args, most);
  note(call, offset, length, fault, result);
  answer(response, result);
}

#define NAME_BYTES 17

static void read_name(pid_t thread, char *name) {
  char path[64];
  name[0] = '\0';
  snprintf(path, sizeof path, "/proc/self/task/%d/comm", thread);
  FILE *file = fopen(path, "r");
  if (file == NULL) return;
  if (fgets(name, NAME_BYTES, file) == NULL) name[0] = '\0';
  fclose(file);
}

/* Whether a thread that makes another one does so to serve requests, or to
   notify of them: the main thread while it submits, and the threads that glibc
   made before. Those have the main thread's name, Deno's own have others. */
static int is_for_requests(pid_t thread) {
  char name[NAME_BYTES], main_name[NAME_BYTES];
  if (thread == getpid()) return is_main_submitting;
  read_name(thread, name);
  read_name(getpid(), main_name);
  return strcmp(name, main_name) == 0;
}

static void decide(const struct seccomp_notif *request,
                   struct seccomp_notif_resp *response) {
  uint64_t args[6];
  memcpy(args, request->data.args, sizeof args);
  int fault = 0;
  switch (request->data.nr) {
  case __NR_pread64: return serve(PREAD, args, response);
  case __NR_pwrite64: return serve(PWRITE, args, response);
  case __NR_read: return serve(READ, args, response);
  case __NR_write: return serve(WRITE, args, response);
  case __NR_fsync: return serve(FSYNC, args, response);
  case __NR_fdatasync: return serve(FDATASYNC, args, response);
  case __NR_fcntl:
    if (is_watched(args[0])) fault = fault_of(DUP);
    break;
  case __NR_clone3:
    if (is_for_requests(request->pid)) fault = fault_of(THREAD);
    break;
  }
  if (fault > 0) answer(response, -fault);
}

static void *supervise(void *unused) {
  (void)unused;
  sem_wait(&is_listening);
  for (;;) {
    struct seccomp_notif request;
    memset(&request, 0, sizeof request);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) continue;
    struct seccomp_notif_resp response = {
        .id = request.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    decide(&request, &response);
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
  }
  return NULL;
}

#define HOLD_BACK(number)                                        \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),             \
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)

static int listen_to_calls(void) {
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      HOLD_BACK(__NR_pread64), HOLD_BACK(__NR_pwrite64),
      HOLD_BACK(__NR_read), HOLD_BACK(__NR_write),
      HOLD_BACK(__NR_fsync), HOLD_BACK(__NR_fdatasync),
      HOLD_BACK(__NR_clone3),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_fcntl, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
               offsetof(struct seccomp_data, args[1])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, F_DUPFD_CLOEXEC, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER,
                 SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

/* The thread comes first: the filter holds for the threads made after it. */
__attribute__((constructor)) static void start(void) {
  pthread_t thread;
  sem_init(&is_listening, 0, 0);
  if (pthread_create(&thread, NULL, supervise, NULL) != 0) _exit(UNAVAILABLE);
  listener = listen_to_calls();
  if (listener < 0) _exit(UNAVAILABLE);
  sem_post(&is_listening);
}

/* Allocations: the library's own, and those of glibc in a submission. */

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static int is_refused(int is_counted, enum call call) {
  if (!is_counted || fault_of(call) == 0) return 0;
  errno = ENOMEM;
  return 1;
}

void *malloc(size_t size) {
  if (is_refused(is_submitting, SUBMISSION_ALLOC)) return NULL;
  return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  if (is_refused(is_submitting, SUBMISSION_ALLOC)) return NULL;
  return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
  if (is_refused(is_submitting, SUBMISSION_ALLOC)) return NULL;
  return __libc_realloc(memory, size);
}

/* The library finds this one, because this is librt.so.1; so does Deno itself,
   which has no need of pages. */
void *aligned_alloc(size_t alignment, size_t size) {
  if (is_refused(alignment == 4096, ALIGNED_ALLOC)) return NULL;
  return __libc_memalign(alignment, size);
}

#define SUBMIT(name, ...)                                        \
  static __typeof__(name) *real;                                 \
  if (real == NULL) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name); \
  int is_main = getpid() == gettid();                            \
  is_submitting = 1;                                             \
  if (is_main) is_main_submitting = 1;                           \
  int outcome = real(__VA_ARGS__);                               \
  is_submitting = 0;                                             \
  if (is_main) is_main_submitting = 0;                           \
  return outcome

int aio_read(struct aiocb *block) { SUBMIT(aio_read, block); }
int aio_write(struct aiocb *block) { SUBMIT(aio_write, block); }
int aio_fsync(int operation, struct aiocb *block) {
  SUBMIT(aio_fsync, operation, block);
}
int lio_listio(int mode, struct aiocb *const list[restrict], int count,
               struct sigevent *restrict event) {
  SUBMIT(lio_listio, mode, list, count, event);
}
