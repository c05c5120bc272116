/*
 * ELF files: real ones against what the loader says, small made ones, and
 * those damaged in every byte.
 */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base.h"
#include "elf.h"

#define TABLE_BASE 0x10000u /* link-time address of the made file */

#if defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#else
#define OUR_MACHINE EM_X86_64
#endif

/* In .symtab only, the second one as link-time optimisation leaves it. */
static volatile int only_in_symtab __attribute__((used)) = 1;
static volatile int renamed __asm__("test_elf_renamed.lto_priv.0")
	__attribute__((used)) = 2;

/* ---- a small library: one segment, no sections, DT_HASH ---- */

struct made {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[3];
	Elf64_Dyn dyn[8];
	Elf64_Sym sym[4];
	uint32_t hash[2 + 1 + 4]; /* one bucket, a chain of 4 */
	struct {
		uint32_t namesz, descsz, type;
		char name[4];
		uint8_t id[20];
	} note;
	char text[64];
};

#define AT(member) (TABLE_BASE + offsetof(struct made, member))

static const char names[] = "\0first\0second\0gone\0libpython3.9.so.1.0\0"
			    "libc.so.6";
#define NAME_FIRST 1
#define NAME_SECOND 7
#define NAME_GONE 14
#define NAME_PYTHON 19
#define NAME_LIBC 39

static void make_headers(struct made *m)
{
	memcpy(m->eh.e_ident, ELFMAG, SELFMAG);
	m->eh.e_ident[EI_CLASS] = ELFCLASS64;
	m->eh.e_ident[EI_DATA] = ELFDATA2LSB;
	m->eh.e_ident[EI_VERSION] = EV_CURRENT;
	m->eh.e_type = ET_DYN;
	m->eh.e_machine = OUR_MACHINE;
	m->eh.e_version = EV_CURRENT;
	m->eh.e_ehsize = sizeof(m->eh);
	m->eh.e_phoff = offsetof(struct made, ph);
	m->eh.e_phentsize = sizeof(m->ph[0]);
	m->eh.e_phnum = 3;
	m->ph[0] = (Elf64_Phdr){.p_type = PT_LOAD,
				.p_vaddr = TABLE_BASE,
				.p_filesz = sizeof(*m),
				.p_memsz = sizeof(*m) + 64,
				.p_align = 4096};
	m->ph[1] = (Elf64_Phdr){.p_type = PT_DYNAMIC,
				.p_offset = offsetof(struct made, dyn),
				.p_vaddr = AT(dyn),
				.p_filesz = sizeof(m->dyn)};
	m->ph[2] = (Elf64_Phdr){.p_type = PT_NOTE,
				.p_offset = offsetof(struct made, note),
				.p_filesz = sizeof(m->note),
				.p_align = 4};
}

static void make(struct made *m)
{
	static const Elf64_Dyn dyn[] = {
		{DT_NEEDED, {NAME_LIBC}},   {DT_NEEDED, {NAME_PYTHON}},
		{DT_SYMTAB, {AT(sym)}},     {DT_STRTAB, {AT(text)}},
		{DT_STRSZ, {sizeof(names)}}, {DT_HASH, {AT(hash)}},
	};
	static const uint32_t hash[] = {1, 4, 1, 0, 2, 3, 0};
	size_t i;

	memset(m, 0, sizeof(*m));
	make_headers(m);
	memcpy(m->dyn, dyn, sizeof(dyn));
	memcpy(m->hash, hash, sizeof(hash));
	memcpy(m->text, names, sizeof(names));
	m->sym[1] = (Elf64_Sym){NAME_FIRST, STT_OBJECT, 0, 1, 0x1111, 8};
	m->sym[2] = (Elf64_Sym){NAME_SECOND, STT_FUNC, 0, 1, 0x2222, 16};
	m->sym[3] = (Elf64_Sym){NAME_GONE, STT_FUNC, 0, SHN_UNDEF, 0x3333, 1};
	m->note.namesz = 4;
	m->note.descsz = sizeof(m->note.id);
	m->note.type = NT_GNU_BUILD_ID;
	memcpy(m->note.name, "GNU", 4);
	for (i = 0; i < sizeof(m->note.id); i++)
		m->note.id[i] = (uint8_t)(i + 1);
}

static int file_of(const void *data, size_t len)
{
	int fd = memfd_create("made", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	return fd;
}

static int open_bytes(struct image **img, const void *data, size_t len,
		      struct err *err)
{
	int fd = file_of(data, len), ret;

	ret = image_open(img, fd, err);
	close(fd);
	return ret;
}

static void refused(const void *data, size_t len, int code, const char *why)
{
	struct err err = {""};
	struct image *img;

	assert_int_equal(open_bytes(&img, data, len, &err), code);
	if (!strstr(err.msg, why))
		fail_msg("'%s' does not say '%s'", err.msg, why);
}

static void test_refuses(void **state)
{
	struct made m;
	Elf32_Ehdr small = {.e_type = ET_EXEC, .e_machine = EM_386};

	(void)state;
	refused("", 0, -EBADMSG, "too short");
	refused("\177ELF", 4, -EBADMSG, "too short");
	memcpy(small.e_ident, ELFMAG, SELFMAG);
	small.e_ident[EI_CLASS] = ELFCLASS32;
	small.e_ident[EI_DATA] = ELFDATA2LSB;
	make(&m);
	memcpy(&m, &small, sizeof(small));
	refused(&m, sizeof(m), -ENOTSUP, "32-bit");
	make(&m);
	m.eh.e_ident[EI_CLASS] = 7;
	refused(&m, sizeof(m), -EBADMSG, "class 7");
	make(&m);
	m.eh.e_ident[EI_DATA] = ELFDATA2MSB;
	refused(&m, sizeof(m), -ENOTSUP, "byte order");
	make(&m);
	m.eh.e_machine = EM_RISCV;
	refused(&m, sizeof(m), -ENOTSUP, "machine (number 243)");
	make(&m);
	m.eh.e_type = ET_CORE;
	refused(&m, sizeof(m), -EBADMSG, "type 4");
	make(&m);
	memcpy(&m, "#!/bin/sh\n", 10);
	refused(&m, sizeof(m), -EBADMSG, "not an ELF file");
	make(&m);
	m.eh.e_phoff = sizeof(m) - 8;
	refused(&m, sizeof(m), -EBADMSG, "program headers");
}

/* The count of sections may stand in the first one: 2^31 of them here. */
static void test_refuses_sections(void **state)
{
	struct {
		struct made m;
		Elf64_Shdr first;
	} f;

	(void)state;
	memset(&f, 0, sizeof(f));
	make(&f.m);
	f.m.eh.e_shoff = sizeof(f.m);
	f.m.eh.e_shentsize = sizeof(Elf64_Shdr);
	f.first.sh_size = 1u << 31;
	refused(&f, sizeof(f), -EBADMSG, "2147483648 sections");
}

static void test_made(void **state)
{
	struct image_symbol syms[] = {
		{.name = "second"}, {.name = "absent"}, {.name = "first"},
		{.name = "gone"},   {.name = ""},
	};
	struct made m;
	struct image *img;
	struct err err;
	uint8_t id[32];
	char text[6];
	uint64_t a, b;

	(void)state;
	make(&m);
	assert_int_equal(open_bytes(&img, &m, sizeof(m), &err), 0);
	assert_int_equal(image_symbols(img, syms, 5), 2);
	assert_int_equal(syms[0].addr, 0x2222);
	assert_int_equal(syms[0].size, 16);
	assert_int_equal(syms[2].addr, 0x1111);
	assert_int_equal(syms[1].addr | syms[3].addr | syms[4].addr, 0);
	assert_true(image_needs(img, "libpython"));
	assert_true(image_needs(img, "libc.so.6"));
	assert_false(image_needs(img, "libc.so.6.1"));
	assert_false(image_needs(img, "python"));
	assert_int_equal(image_section(img, ".text", &a, &b), -ENOENT);
	assert_int_equal(image_build_id(img, id, sizeof(id)), 20);
	assert_memory_equal(id, m.note.id, 20);
	assert_int_equal(image_build_id(img, id, 4), 4);
	assert_int_equal(image_read(img, AT(text) + NAME_FIRST, text, 6), 0);
	assert_string_equal(text, "first");
	assert_int_equal(image_read(img, AT(text) + sizeof(m.text) - 5, text,
				    6), -EFAULT);
	assert_int_equal(image_read(img, TABLE_BASE - 1, text, 1), -EFAULT);
	assert_int_equal(image_read(img, UINT64_MAX, text, 6), -EFAULT);
	image_close(img);
	image_close(NULL);
}

static void test_bias(void **state)
{
	struct image *img;
	struct made m;
	struct err err;

	(void)state;
	make(&m);
	assert_int_equal(open_bytes(&img, &m, sizeof(m), &err), 0);
	assert_int_equal(image_bias(img, 0x7f0000010000, 0), 0x7f0000000000);
	image_close(img);
	m.ph[0].p_offset = 0x2e10;
	m.ph[0].p_vaddr = 0x13e10;
	m.ph[0].p_filesz = 0x2000;
	assert_int_equal(open_bytes(&img, &m, sizeof(m), &err), 0);
	/* Its first page, and its second. */
	assert_int_equal(image_bias(img, 0x7f0000013000, 0x2000),
			 0x7f0000000000);
	assert_int_equal(image_bias(img, 0x7f0000014000, 0x3000),
			 0x7f0000000000);
	image_close(img);
	m.eh.e_type = ET_EXEC;
	assert_int_equal(open_bytes(&img, &m, sizeof(m), &err), 0);
	assert_int_equal(image_bias(img, 0x400000, 0), 0);
	image_close(img);
}

static void test_hash_loop(void **state)
{
	struct image_symbol sym = {.name = "absent"};
	struct image *img;
	struct made m;
	struct err err;

	(void)state;
	make(&m);
	m.hash[3 + 3] = 1; /* 1 -> 2 -> 3 -> 1 */
	assert_int_equal(open_bytes(&img, &m, sizeof(m), &err), 0);
	assert_int_equal(image_symbols(img, &sym, 1), 0);
	image_close(img);
}

/* Everything that can be asked; whatever the answer, it must come. */
static void ask_all(const void *data, size_t len)
{
	struct image_symbol syms[] = {{.name = "first"}, {.name = "absent"}};
	struct image *img;
	uint64_t a, b;
	uint8_t id[32];

	if (open_bytes(&img, data, len, NULL))
		return;
	assert_in_range(image_symbols(img, syms, 2), 0, 2);
	image_section(img, ".text", &a, &b);
	image_needs(img, "libpython");
	image_bias(img, 0x7f0000000000, 0);
	assert_in_range(image_build_id(img, id, sizeof(id)), 0, sizeof(id));
	image_close(img);
}

static void test_cut(void **state)
{
	struct made m;
	size_t len;

	(void)state;
	make(&m);
	for (len = 0; len <= sizeof(m); len++)
		ask_all(&m, len);
}

static void test_damaged(void **state)
{
	static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff};
	unsigned char bytes[sizeof(struct made)];
	struct made m;
	size_t i, k;

	(void)state;
	make(&m);
	for (i = 0; i < sizeof(m); i++) {
		for (k = 0; k < sizeof(values); k++) {
			memcpy(bytes, &m, sizeof(m));
			bytes[i] = values[k];
			ask_all(bytes, sizeof(bytes));
		}
	}
}

/* ---- real files; the oracle is our own loader ---- */

/* Path and load address of the object that holds an address. */
static struct image *image_of(const void *addr, uint64_t *base)
{
	struct image *img;
	struct err err;
	Dl_info info;
	int fd;

	assert_int_not_equal(dladdr(addr, &info), 0);
	fd = open(addr == (void *)&only_in_symtab ? "/proc/self/exe"
						  : info.dli_fname, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(image_open(&img, fd, &err), 0);
	close(fd);
	*base = (uint64_t)(uintptr_t)info.dli_fbase;
	return img;
}

static void check_libc(struct image *img, uint64_t base)
{
	struct image_symbol syms[] = {
		{.name = "stdout"}, {.name = "no_such_symbol"},
		{.name = "getpid"}, {.name = "environ"},
	};
	uint64_t bias = image_bias(img, base, 0);

	assert_int_equal(image_symbols(img, syms, 4), 3);
	assert_ptr_equal(syms[0].addr + bias, dlsym(RTLD_NEXT, "stdout"));
	assert_ptr_equal(syms[2].addr + bias, dlsym(RTLD_NEXT, "getpid"));
	assert_ptr_equal(syms[3].addr + bias, dlsym(RTLD_NEXT, "environ"));
	assert_int_equal(syms[0].size, sizeof(void *));
	assert_int_equal(syms[1].addr, 0);
}

static void test_libc(void **state)
{
	uint64_t base;
	struct image *img = image_of(dlsym(RTLD_NEXT, "getpid"), &base);

	(void)state;
	check_libc(img, base);
	image_close(img);
}

/* A copy of libc whose section headers are gone, or nonsense. */
static void without_sections(uint64_t shoff)
{
	struct err err;
	struct image *img;
	struct str text;
	Elf64_Ehdr eh;
	uint64_t a, b;
	Dl_info info;

	assert_int_not_equal(dladdr(dlsym(RTLD_NEXT, "getpid"), &info), 0);
	str_init(&text);
	assert_int_equal(file_read(&text, AT_FDCWD, info.dli_fname, 64 << 20),
			 0);
	memcpy(&eh, text.data, sizeof(eh));
	eh.e_shoff = shoff;
	if (!shoff)
		eh.e_shnum = eh.e_shstrndx = 0;
	memcpy(text.data, &eh, sizeof(eh));
	assert_int_equal(open_bytes(&img, text.data, text.len, &err), 0);
	check_libc(img, (uint64_t)(uintptr_t)info.dli_fbase);
	assert_int_equal(image_section(img, ".text", &a, &b), -ENOENT);
	image_close(img);
	str_release(&text);
}

static void test_stripped_sections(void **state)
{
	(void)state;
	without_sections(0);
	without_sections(1ull << 40);
}

static void test_own_symtab(void **state)
{
	struct image_symbol syms[] = {
		{.name = "only_in_symtab"},
		{.name = "test_elf_renamed"},
		{.name = "only_in_symta"},
	};
	uint64_t base, bias, addr, size;
	struct image *img = image_of((void *)&only_in_symtab, &base);

	(void)state;
	bias = image_bias(img, base, 0);
	assert_int_equal(image_symbols(img, syms, 3), 2);
	assert_ptr_equal(syms[0].addr + bias, &only_in_symtab);
	assert_ptr_equal(syms[1].addr + bias, &renamed);
	assert_int_equal(syms[0].size, sizeof(int));
	assert_int_equal(image_section(img, ".data", &addr, &size), 0);
	assert_in_range(syms[0].addr, addr, addr + size - 1);
	assert_true(image_needs(img, "libcmocka"));
	assert_false(image_needs(img, "libpython"));
	image_close(img);
}

struct build_id {
	uint8_t bytes[64];
	size_t len;
};

/* From the notes in our own memory, of the first object: the program. */
static int own_notes(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct build_id *id = arg;
	const char *p, *end;
	Elf64_Nhdr nh;
	int i;

	(void)size;
	for (i = 0; i < info->dlpi_phnum; i++) {
		if (info->dlpi_phdr[i].p_type != PT_NOTE)
			continue;
		p = (char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
		end = p + info->dlpi_phdr[i].p_filesz;
		while (end - p > (ptrdiff_t)sizeof(nh)) {
			memcpy(&nh, p, sizeof(nh));
			p += sizeof(nh);
			if (nh.n_type == NT_GNU_BUILD_ID && nh.n_namesz == 4 &&
			    !memcmp(p, "GNU", 4)) {
				id->len = nh.n_descsz;
				memcpy(id->bytes, p + 4, nh.n_descsz);
				return 1;
			}
			p += ((nh.n_namesz + 3) & ~3u) +
			     ((nh.n_descsz + 3) & ~3u);
		}
	}
	return 1;
}

static void test_own_build_id(void **state)
{
	struct build_id want = {.len = 0};
	uint64_t base;
	struct image *img;
	uint8_t got[64];

	(void)state;
	dl_iterate_phdr(own_notes, &want);
	if (!want.len) {
		print_message("skipped: this compiler leaves no build id\n");
		skip();
	}
	img = image_of((void *)&only_in_symtab, &base);
	assert_int_equal(image_build_id(img, got, sizeof(got)), want.len);
	assert_memory_equal(got, want.bytes, want.len);
	image_close(img);
}

/* A file that shrinks under our hands: errors, no signal. */
static void test_truncated_later(void **state)
{
	struct image_symbol sym = {.name = "first"};
	struct image *img;
	struct err err;
	struct made m;
	char byte;
	int fd;

	(void)state;
	make(&m);
	fd = file_of(&m, sizeof(m));
	assert_int_equal(image_open(&img, fd, &err), 0);
	assert_int_equal(ftruncate(fd, 100), 0);
	close(fd);
	assert_int_equal(image_symbols(img, &sym, 1), 0);
	assert_int_equal(image_read(img, AT(text), &byte, 1), -EFAULT);
	assert_int_equal(image_build_id(img, &byte, 1), 0);
	image_close(img);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_refuses_sections),
		cmocka_unit_test(test_made),
		cmocka_unit_test(test_bias),
		cmocka_unit_test(test_hash_loop),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_libc),
		cmocka_unit_test(test_stripped_sections),
		cmocka_unit_test(test_own_symtab),
		cmocka_unit_test(test_own_build_id),
		cmocka_unit_test(test_truncated_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
