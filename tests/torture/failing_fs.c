/*
 * A file system in memory that fails, delays and shortens what it is asked for, and
 * that tells what would be left after a loss of power.
 *
 *     failing_fs MOUNT_POINT [writeback]
 *
 * Every file NAME has two copies: the one that programs see, and NAME.durable, which
 * has what was synchronized. Lines that are written to "control" are commands:
 *
 *     reset                     no faults any more, and no errors to be told
 *     fail CALL AFTER COUNT ERR the calls after the next AFTER ones fail, COUNT of
 *                               them, or all that come if it is -1; CALL is
 *                               getattr, read, write, fsync or flush (a close)
 *     short AFTER BYTES         one write after the next AFTER ones takes only BYTES,
 *                               or each write if AFTER is -1
 *     delay CALL MICROSECONDS   the calls take up to so long
 *     lose ERR                  writes are taken and lost; the next fsync or flush
 *                               of the file tells of that, once
 *     per_handle ON             only the open file that wrote is told, as with sshfs
 *     direct ON                 files that are opened from now on bypass the page cache
 *     power_loss                what was not synchronized is gone
 *
 * It ends when its standard input does: with the process that started it.
 */
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE
#include <errno.h>
#include <fuse3/fuse.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_MAX 16
#define FILE_BYTES_MAX (8u << 20)
#define SECTOR_BYTES 512
#define SECTORS_MAX (FILE_BYTES_MAX / SECTOR_BYTES)
#define DURABLE ".durable"
#define CONTROL "/control"

struct copy {
  unsigned char bytes[FILE_BYTES_MAX];
  size_t length;
};

struct file {
  char name[64]; /* empty: not in use */
  struct copy visible, durable;
  unsigned char is_dirty[SECTORS_MAX];
  int error; /* to be told once */
};

struct handle {
  struct file *file; /* NULL: the control file */
  int is_durable;
  int error; /* the same for this open file only */
  struct handle *next;
};

static struct handle *handles;

enum call { GETATTR, READ, WRITE, FSYNC, FLUSH, CALLS };
static const char *const call_names[CALLS] = {"getattr", "read", "write",
                                              "fsync", "flush"};

static struct faults {
  struct {
    long after, count, error;
    long delay_us;
  } of[CALLS];
  long short_after, short_bytes; /* no short write: short_bytes is 0 */
  int lose;
  int is_per_handle;
  int is_direct;
} faults;

static struct file files[FILES_MAX];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int is_writeback;

/* Files */

static struct file *find(const char *path) {
  for (int i = 0; i < FILES_MAX; i++)
    if (files[i].name[0] != '\0' && strcmp(files[i].name, path + 1) == 0)
      return &files[i];
  return NULL;
}

/* The file that a path is of, and which of its copies. */
static struct file *find_copy(const char *path, int *is_durable) {
  char name[sizeof files->name + 1];
  size_t length = strlen(path), ending = strlen(DURABLE);
  *is_durable = length > ending && strcmp(path + length - ending, DURABLE) == 0;
  if (!*is_durable) return find(path);
  if (length - ending >= sizeof name) return NULL;
  memcpy(name, path, length - ending);
  name[length - ending] = '\0';
  return find(name);
}

static void set_length(struct file *file, size_t length) {
  struct copy *copy = &file->visible;
  if (length < copy->length)
    memset(copy->bytes + length, 0, copy->length - length);
  copy->length = length;
}

static void mark_dirty(struct file *file, size_t from, size_t to) {
  for (size_t at = from / SECTOR_BYTES; at * SECTOR_BYTES < to; at++)
    file->is_dirty[at] = 1;
}

static void lose_power(struct file *file) {
  file->visible = file->durable;
  memset(file->is_dirty, 0, sizeof file->is_dirty);
}

/* Faults */

/* Whether the next call of a kind fails, and with which error. */
static int fault_of(enum call call) {
  if (faults.of[call].count == 0) return 0;
  if (faults.of[call].after > 0) {
    faults.of[call].after--;
    return 0;
  }
  if (faults.of[call].count > 0) faults.of[call].count--;
  return faults.of[call].error;
}

static void rest(enum call call) {
  long most = faults.of[call].delay_us;
  if (most > 0) usleep(random() % most);
}

/* What nobody was told of yet, once. */
static int take_error(struct handle *handle) {
  int is_own = faults.is_per_handle || handle->error != 0;
  int *error = is_own ? &handle->error : &handle->file->error;
  int taken = *error;
  *error = 0;
  return taken;
}

static int call_named(const char *name) {
  for (int call = 0; call < CALLS; call++)
    if (strcmp(name, call_names[call]) == 0) return call;
  return -1;
}

static int is_command(const char *line, const char *name) {
  return strncmp(line, name, strlen(name)) == 0;
}

/* Returns whether it is one. */
static int obey(const char *line) {
  char name[16] = "";
  long a = 0, b = 0, c = 0;
  if (is_command(line, "reset")) {
    memset(&faults, 0, sizeof faults);
    for (int i = 0; i < FILES_MAX; i++) files[i].error = 0;
  } else if (is_command(line, "power_loss")) {
    for (int i = 0; i < FILES_MAX; i++) lose_power(&files[i]);
  } else if (sscanf(line, "fail %15s %ld %ld %ld", name, &a, &b, &c) == 4) {
    int call = call_named(name);
    if (call < 0) return 0;
    faults.of[call].after = a;
    faults.of[call].count = b;
    faults.of[call].error = c;
  } else if (sscanf(line, "delay %15s %ld", name, &a) == 2) {
    int call = call_named(name);
    if (call < 0) return 0;
    faults.of[call].delay_us = a;
  } else if (sscanf(line, "short %ld %ld", &a, &b) == 2) {
    faults.short_after = a;
    faults.short_bytes = b;
  } else if (sscanf(line, "lose %ld", &a) == 1) {
    faults.lose = a;
  } else if (sscanf(line, "per_handle %ld", &a) == 1) {
    faults.is_per_handle = a;
  } else if (sscanf(line, "direct %ld", &a) == 1) {
    faults.is_direct = a;
  } else {
    return 0;
  }
  return 1;
}

static int obey_all(const char *bytes, size_t length) {
  char text[1024], *rest_of_text, *line;
  if (length >= sizeof text) return -EINVAL;
  memcpy(text, bytes, length);
  text[length] = '\0';
  line = strtok_r(text, "\n", &rest_of_text);
  for (; line != NULL; line = strtok_r(NULL, "\n", &rest_of_text))
    if (!obey(line)) return -EINVAL;
  return length;
}

/* What the system calls */

static struct handle *handle_of(struct fuse_file_info *info) {
  return (struct handle *)(uintptr_t)info->fh;
}

static int fs_getattr(const char *path, struct stat *status,
                      struct fuse_file_info *info) {
  (void)info;
  memset(status, 0, sizeof *status);
  status->st_nlink = 1;
  status->st_mode = S_IFREG | 0666;
  if (strcmp(path, "/") == 0) status->st_mode = S_IFDIR | 0755;
  if (strcmp(path, "/") == 0 || strcmp(path, CONTROL) == 0) return 0;
  pthread_mutex_lock(&mutex);
  int is_durable;
  struct file *file = find_copy(path, &is_durable);
  int error = file == NULL ? ENOENT : is_durable ? 0 : fault_of(GETATTR);
  if (file != NULL)
    status->st_size = (is_durable ? &file->durable : &file->visible)->length;
  pthread_mutex_unlock(&mutex);
  return -error;
}

static int fs_open(const char *path, struct fuse_file_info *info) {
  struct handle *handle = calloc(1, sizeof *handle);
  if (handle == NULL) return -ENOMEM;
  info->fh = (uintptr_t)handle;
  if (strcmp(path, CONTROL) != 0) {
    pthread_mutex_lock(&mutex);
    handle->file = find_copy(path, &handle->is_durable);
    pthread_mutex_unlock(&mutex);
    if (handle->file == NULL) {
      free(handle);
      return -ENOENT;
    }
  }
  pthread_mutex_lock(&mutex);
  handle->next = handles;
  handles = handle;
  pthread_mutex_unlock(&mutex);
  /* Nothing is to be read from the page cache that has changed behind it. */
  info->direct_io =
      handle->file == NULL || handle->is_durable || faults.is_direct;
  return 0;
}

static int fs_create(const char *path, mode_t mode,
                     struct fuse_file_info *info) {
  (void)mode;
  pthread_mutex_lock(&mutex);
  struct file *file = find(path);
  for (int i = 0; i < FILES_MAX && file == NULL; i++)
    if (files[i].name[0] == '\0') file = &files[i];
  int is_possible = file != NULL && strlen(path) <= sizeof file->name;
  if (is_possible) strcpy(file->name, path + 1);
  pthread_mutex_unlock(&mutex);
  return is_possible ? fs_open(path, info) : -ENOSPC;
}

static int fs_release(const char *path, struct fuse_file_info *info) {
  (void)path;
  struct handle *handle = handle_of(info);
  pthread_mutex_lock(&mutex);
  struct handle **at = &handles;
  while (*at != handle) at = &(*at)->next;
  *at = handle->next;
  pthread_mutex_unlock(&mutex);
  free(handle);
  return 0;
}

static int fs_read(const char *path, char *into, size_t length, off_t offset,
                   struct fuse_file_info *info) {
  (void)path;
  struct handle *handle = handle_of(info);
  if (handle->file == NULL) return 0;
  pthread_mutex_lock(&mutex);
  int error = handle->is_durable ? 0 : fault_of(READ);
  if (error != 0) {
    pthread_mutex_unlock(&mutex);
    return -error;
  }
  struct copy *copy =
      handle->is_durable ? &handle->file->durable : &handle->file->visible;
  size_t left = (size_t)offset < copy->length ? copy->length - offset : 0;
  if (length > left) length = left;
  memcpy(into, copy->bytes + offset, length);
  pthread_mutex_unlock(&mutex);
  return length;
}

/* Returns how many bytes it takes, or minus an error number. */
static long write_now(struct handle *handle, const char *from, size_t length,
                      off_t offset) {
  struct file *file = handle->file;
  int error = fault_of(WRITE);
  if (error != 0) return -error;
  int is_each = faults.short_after < 0;
  if (faults.short_bytes > 0 && (is_each || faults.short_after-- == 0)) {
    if ((size_t)faults.short_bytes < length) length = faults.short_bytes;
    if (!is_each) faults.short_bytes = 0;
  }
  if (faults.lose != 0) {
    *(faults.is_per_handle ? &handle->error : &file->error) = faults.lose;
    return length;
  }
  size_t end = offset + length;
  if (end > FILE_BYTES_MAX) return -EFBIG;
  if (end > file->visible.length) set_length(file, end);
  memcpy(file->visible.bytes + offset, from, length);
  mark_dirty(file, offset, end);
  return length;
}

static int fs_write(const char *path, const char *from, size_t length,
                    off_t offset, struct fuse_file_info *info) {
  (void)path;
  struct handle *handle = handle_of(info);
  if (handle->file != NULL) rest(WRITE);
  pthread_mutex_lock(&mutex);
  long result = handle->file == NULL ? obey_all(from, length)
                                     : write_now(handle, from, length, offset);
  pthread_mutex_unlock(&mutex);
  return result;
}

/* What a synchronization that began at some moment brings to the disk. */
struct snapshot {
  struct copy copy;
  unsigned char is_dirty[SECTORS_MAX];
};

static struct snapshot *take_snapshot(struct file *file) {
  struct snapshot *snapshot = malloc(sizeof *snapshot);
  if (snapshot == NULL) return NULL;
  snapshot->copy.length = file->visible.length;
  memcpy(snapshot->copy.bytes, file->visible.bytes, file->visible.length);
  memcpy(snapshot->is_dirty, file->is_dirty, sizeof file->is_dirty);
  memset(file->is_dirty, 0, sizeof file->is_dirty);
  return snapshot;
}

static void make_durable(struct file *file, const struct snapshot *snapshot) {
  struct copy *durable = &file->durable;
  size_t length = snapshot->copy.length;
  if (length < durable->length)
    memset(durable->bytes + length, 0, durable->length - length);
  durable->length = length;
  for (size_t at = 0; at < length; at += SECTOR_BYTES) {
    size_t bytes = length - at < SECTOR_BYTES ? length - at : SECTOR_BYTES;
    if (snapshot->is_dirty[at / SECTOR_BYTES])
      memcpy(durable->bytes + at, snapshot->copy.bytes + at, bytes);
  }
}

/* What was written is lost. As Linux does, each open file is told, once. */
static void lose_all(struct handle *told, int error) {
  memset(told->file->is_dirty, 0, sizeof told->file->is_dirty);
  if (faults.is_per_handle) return;
  for (struct handle *handle = handles; handle != NULL; handle = handle->next)
    if (handle != told && handle->file == told->file) handle->error = error;
}

/* One that succeeds covers what was written when it began. One that fails loses what
   was written when it ended: the system does not keep it for another try. */
static int fs_fsync(const char *path, int is_data_only,
                    struct fuse_file_info *info) {
  (void)path, (void)is_data_only;
  struct handle *handle = handle_of(info);
  struct file *file = handle->file;
  if (file == NULL || handle->is_durable) return 0;
  pthread_mutex_lock(&mutex);
  struct snapshot *snapshot = take_snapshot(file);
  int error = fault_of(FSYNC);
  pthread_mutex_unlock(&mutex);
  rest(FSYNC);
  pthread_mutex_lock(&mutex);
  int earlier = take_error(handle);
  if (error == 0) error = snapshot == NULL ? ENOMEM : earlier;
  if (error == 0) make_durable(file, snapshot);
  else lose_all(handle, error);
  pthread_mutex_unlock(&mutex);
  free(snapshot);
  return -error;
}

/* Every close(2) of a descriptor, duplicates too. */
static int fs_flush(const char *path, struct fuse_file_info *info) {
  (void)path;
  struct handle *handle = handle_of(info);
  if (handle->file == NULL || handle->is_durable) return 0;
  rest(FLUSH);
  pthread_mutex_lock(&mutex);
  int error = fault_of(FLUSH), earlier = take_error(handle);
  pthread_mutex_unlock(&mutex);
  return -(error != 0 ? error : earlier);
}

static int fs_truncate(const char *path, off_t length,
                       struct fuse_file_info *info) {
  (void)info;
  if (strcmp(path, CONTROL) == 0) return 0;
  if (length > FILE_BYTES_MAX) return -EFBIG;
  pthread_mutex_lock(&mutex);
  struct file *file = find(path);
  if (file != NULL) set_length(file, length);
  pthread_mutex_unlock(&mutex);
  return file == NULL ? -ENOENT : 0;
}

static int fs_unlink(const char *path) {
  pthread_mutex_lock(&mutex);
  struct file *file = find(path);
  if (file != NULL) memset(file, 0, sizeof *file);
  pthread_mutex_unlock(&mutex);
  return file == NULL ? -ENOENT : 0;
}

/* The page cache brings the times of a file along. */
static int fs_utimens(const char *path, const struct timespec times[2],
                      struct fuse_file_info *info) {
  (void)path, (void)times, (void)info;
  return 0;
}

static void *end_with_input(void *unused) {
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) continue;
  _exit(0);
  return unused;
}

static void *fs_init(struct fuse_conn_info *connection,
                     struct fuse_config *config) {
  config->attr_timeout = is_writeback ? 60 : 0;
  config->entry_timeout = 0;
  connection->want &= ~FUSE_CAP_ATOMIC_O_TRUNC;
  if (is_writeback) connection->want |= FUSE_CAP_WRITEBACK_CACHE;
  pthread_t thread;
  if (pthread_create(&thread, NULL, end_with_input, NULL) != 0) abort();
  return NULL;
}

static const struct fuse_operations operations = {
    .init = fs_init,
    .getattr = fs_getattr,
    .open = fs_open,
    .create = fs_create,
    .release = fs_release,
    .read = fs_read,
    .write = fs_write,
    .fsync = fs_fsync,
    .flush = fs_flush,
    .truncate = fs_truncate,
    .unlink = fs_unlink,
    .utimens = fs_utimens,
};

int main(int count, char **arguments) {
  if (count < 2) return 2;
  is_writeback = count > 2 && strcmp(arguments[2], "writeback") == 0;
  char *given[] = {arguments[0], "-f", arguments[1], NULL};
  return fuse_main(3, given, &operations, NULL);
}
