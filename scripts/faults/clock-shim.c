/*
 * Shifts the wall clock that a role reads: a library to preload, which adds SHIM_OFFSET_NS to CLOCK_REALTIME.
 *
 * Only who looks clock_gettime up by name gets the shifted one, as a role does. The runtime itself is linked with the
 * real one: its timed waits go by the kernel's clock, and would last longer or shorter by the offset.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Since when the C library has had dlsym, by architecture. */
static const char *const VERSIONS[] = {"GLIBC_2.34", "GLIBC_2.2.5", "GLIBC_2.17"};

static void *(*real_dlsym)(void *, const char *);
static long long offset_ns;

__attribute__((constructor)) static void begin(void) {
  for (unsigned i = 0; i < sizeof VERSIONS / sizeof *VERSIONS && real_dlsym == NULL; i++)
    real_dlsym = dlvsym(RTLD_NEXT, "dlsym", VERSIONS[i]);
  const char *text = getenv("SHIM_OFFSET_NS");
  offset_ns = text == NULL ? 0 : atoll(text);
}

static int shifted_clock_gettime(clockid_t clock, struct timespec *time) {
  int result = clock_gettime(clock, time);
  if (result != 0 || clock != CLOCK_REALTIME) return result;
  long long ns = time->tv_sec * 1000000000LL + time->tv_nsec + offset_ns;
  time->tv_sec = ns / 1000000000LL;
  time->tv_nsec = ns % 1000000000LL;
  return 0;
}

void *dlsym(void *handle, const char *name) {
  if (real_dlsym == NULL) begin();
  if (strcmp(name, "clock_gettime") == 0) return (void *)shifted_clock_gettime;
  return real_dlsym(handle, name);
}
