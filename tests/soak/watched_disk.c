/* Stands between a program and the disk (LD_PRELOAD): writes down what changes the files of one
 * folder, and lets the n-th such call fail. Linux with glibc; the program drives it through the
 * functions disk_watch, disk_note, disk_fail and disk_calls.
 *
 * A line of the record: kind, length of the path, offset, length of the data (as in struct line
 * below), then the path and the data. Kinds: c created, w written, t cut to a size, s synced,
 * u removed, r renamed (the data is the new name), a a note of the program.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define MOST_FILES 4096
#define REAL(name) ((__typeof__(&name))real(#name))

struct line { char kind; uint8_t unused; uint16_t path; uint32_t data; uint64_t offset; };

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static char *folder;                 /* what is watched: every path that begins so */
static char *paths[MOST_FILES];      /* of the open files in it */
static int record = -1;
static int calls, fail_from, fail_count, fail_with;

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static int watched(const char *path) {
    return folder && path && strncmp(path, folder, strlen(folder)) == 0;
}

static const char *path_of(int file) {
    return file >= 0 && file < MOST_FILES ? paths[file] : NULL;
}

static void put(const void *data, size_t size) {
    if (size && REAL(write)(record, data, size) != (ssize_t)size) abort();
}

static void note(char kind, const char *path, uint64_t offset, const void *data, size_t size) {
    if (record < 0) return;
    struct line line = {kind, 0, (uint16_t)strlen(path), (uint32_t)size, offset};
    put(&line, sizeof line);
    put(path, line.path);
    put(data, size);
}

/* Count a call that changes the disk; say whether this one has to fail. */
static int fails(void) {
    calls++;
    if (!fail_with || calls < fail_from || (fail_count && calls >= fail_from + fail_count)) return 0;
    errno = fail_with;
    return 1;
}

/* Watch what lies in a folder from now on, and record it in a file ("": only count). */
void disk_watch(const char *watched_folder, const char *record_file) {
    pthread_mutex_lock(&lock);
    if (record >= 0) REAL(close)(record);
    record = -1;
    free(folder);
    folder = strdup(watched_folder);
    if (*record_file)
        record = REAL(open)(record_file, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    calls = fail_with = 0;
    pthread_mutex_unlock(&lock);
}

void disk_note(const char *text) {
    pthread_mutex_lock(&lock);
    note('a', "", 0, text, strlen(text));
    pthread_mutex_unlock(&lock);
}

/* Let the calls from the n-th on fail with an error number, so many of them (0: all). */
void disk_fail(int from, int count, int error) {
    pthread_mutex_lock(&lock);
    calls = 0, fail_from = from, fail_count = count, fail_with = error;
    pthread_mutex_unlock(&lock);
}

/* Return how many calls there were since disk_fail or disk_watch. */
int disk_calls(void) { return calls; }

static int open_noted(const char *path, int flags, mode_t mode) {
    int file;
    if (!watched(path)) return REAL(open64)(path, flags, mode);
    pthread_mutex_lock(&lock);
    int is_new = (flags & O_CREAT) && REAL(access)(path, F_OK) != 0;
    if (is_new && fails()) {
        file = -1;
    } else if ((file = REAL(open64)(path, flags, mode)) >= 0) {
        int kept = errno;
        if (file < MOST_FILES) {
            free(paths[file]);
            paths[file] = strdup(path);
        }
        if (is_new) note('c', path, 0, NULL, 0);
        else if (flags & O_TRUNC) note('t', path, 0, NULL, 0);
        errno = kept;
    }
    pthread_mutex_unlock(&lock);
    return file;
}

int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_noted(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_noted(path, flags, mode);
}

int close(int file) {
    if (path_of(file)) {
        pthread_mutex_lock(&lock);
        free(paths[file]);
        paths[file] = NULL;
        pthread_mutex_unlock(&lock);
    }
    return REAL(close)(file);
}

/* A write that fails has put half of its bytes down: the worst that a disk does. */
static ssize_t write_noted(int file, const void *data, size_t size, off64_t offset) {
    pthread_mutex_lock(&lock);
    off64_t at = offset >= 0 ? offset : lseek64(file, 0, SEEK_CUR);
    int must_fail = fails(), error = errno;
    ssize_t done = REAL(pwrite64)(file, data, must_fail ? size / 2 : size, at);
    if (done > 0) note('w', paths[file], (uint64_t)at, data, (size_t)done);
    if (must_fail) {
        errno = error;
        done = -1;
    } else if (offset < 0 && done > 0) {
        lseek64(file, at + done, SEEK_SET);
    }
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t pwrite64(int file, const void *data, size_t size, off64_t offset) {
    return path_of(file) ? write_noted(file, data, size, offset)
                         : REAL(pwrite64)(file, data, size, offset);
}

ssize_t write(int file, const void *data, size_t size) {
    return path_of(file) ? write_noted(file, data, size, -1) : REAL(write)(file, data, size);
}

int ftruncate64(int file, off64_t size) {
    if (!path_of(file)) return REAL(ftruncate64)(file, size);
    pthread_mutex_lock(&lock);
    int done = fails() ? -1 : REAL(ftruncate64)(file, size);
    if (done == 0) note('t', paths[file], (uint64_t)size, NULL, 0);
    pthread_mutex_unlock(&lock);
    return done;
}

/* The record alone decides what survives, so nothing need really be waited for. */
static int sync_noted(int file) {
    pthread_mutex_lock(&lock);
    int done = fails() ? -1 : 0;
    if (done == 0) note('s', paths[file], 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return done;
}

int fsync(int file) { return path_of(file) ? sync_noted(file) : REAL(fsync)(file); }

int fdatasync(int file) { return path_of(file) ? sync_noted(file) : REAL(fdatasync)(file); }

int unlink(const char *path) {
    if (!watched(path)) return REAL(unlink)(path);
    pthread_mutex_lock(&lock);
    int done = fails() ? -1 : REAL(unlink)(path);
    if (done == 0) note('u', path, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return done;
}

int rename(const char *from, const char *to) {
    if (!watched(from)) return REAL(rename)(from, to);
    pthread_mutex_lock(&lock);
    int done = fails() ? -1 : REAL(rename)(from, to);
    if (done == 0) note('r', from, 0, to, strlen(to));
    pthread_mutex_unlock(&lock);
    return done;
}
