// SPDX-License-Identifier: Apache-2.0
//
// A plugin of qemu-user that counts guest instructions, thread by thread.
//
// The counters lie in the file that the environment variable COUNTS names: THREADS cache lines whose first eight bytes
// are a little-endian count, in the order in which threads began. The guest can map the file and read what it took so
// far. A thread that begins after another ended may go on with that one's counter.
//
// Of qemu's plugin API only what is used is declared here, so that no header of qemu is needed: version 1, which
// qemu 4.2 to 9 know.
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { THREADS = 64 };

struct qemu_plugin_tb;
typedef uint64_t plugin_id;
typedef void (*translated)(plugin_id id, struct qemu_plugin_tb *block);
typedef void (*executed)(unsigned int thread, void *instructions);
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, translated call);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block, executed call, enum qemu_plugin_cb_flags flags,
                                          void *instructions);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

static struct { _Alignas(64) uint64_t instructions; } *counters;

static void count(unsigned int thread, void *instructions) {
  counters[thread % THREADS].instructions += (uintptr_t)instructions;
}

static void translate(plugin_id id, struct qemu_plugin_tb *block) {
  qemu_plugin_register_vcpu_tb_exec_cb(block, count, QEMU_PLUGIN_CB_NO_REGS,
                                       (void *)(uintptr_t)qemu_plugin_tb_n_insns(block));
}

__attribute__((visibility("default"))) int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv) {
  const char *path = getenv("COUNTS");
  int file = path ? open(path, O_RDWR | O_CREAT | O_TRUNC, 0666) : -1;
  if (file < 0 || ftruncate(file, THREADS * sizeof *counters)) {
    fprintf(stderr, "count: COUNTS must name a file that can be written\n");
    return 1;
  }
  counters = mmap(NULL, THREADS * sizeof *counters, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (counters == MAP_FAILED)
    return 1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
  return 0;
}
