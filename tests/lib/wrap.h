/*
 * wrap.h - functions that stand in for others, which the linker is told with
 * --wrap (Makefile): a declaration with WRAP(name) is what calls of `name` get,
 * one with REAL(name) is `name` itself.
 */
#ifndef PYSTROBE_TESTS_WRAP_H
#define PYSTROBE_TESTS_WRAP_H

#define REAL(name) __asm__("__real_" #name)
#define WRAP(name) __asm__("__wrap_" #name)

#endif
