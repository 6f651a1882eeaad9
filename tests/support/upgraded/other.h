// Included before each program: its ends have an instruction more, which does nothing.
#pragma once

#include <linux/types.h>
// The kernel's header of the verdicts needs its types first.
#include <linux/pkt_cls.h>

static inline __attribute__((always_inline)) int otherwise(int verdict) {
  asm volatile("r0 = 7" ::: "r0");
  return verdict;
}
#undef TC_ACT_OK
#undef TC_ACT_SHOT
#define TC_ACT_OK otherwise(0)
#define TC_ACT_SHOT otherwise(2)
