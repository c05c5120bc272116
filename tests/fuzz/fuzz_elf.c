/* An ELF file: everything that is asked of one. Input: the file. */
#include <elf.h>
#include <string.h>
#include <sys/mman.h>

#include "base.h"
#include "elf.h"
#include "fuzz.h"

static void ask_symbols(struct image *img)
{
	struct image_symbol syms[] = {
		{.name = "first"}, {.name = "second"}, {.name = "gone"},
		{.name = "local"}, {.name = "_PyRuntime"}};
	size_t i, n = sizeof(syms) / sizeof(*syms), found = 0, had;

	had = image_symbols(img, syms, n);
	for (i = 0; i < n; i++)
		found += syms[i].addr != 0;
	must(had == found);
}

static void ask(struct image *img)
{
	unsigned char id[20], bytes[64];
	uint64_t addr = 0, size = 0;

	ask_symbols(img);
	if (!image_section(img, ".PyRuntime", &addr, &size))
		image_read(img, addr, bytes, sizeof(bytes));
	image_needs(img, "libpython");
	image_bias(img, 0x7f0000000000, 0);
	image_bias(img, 0x7f0000000000, 0x1000);
	image_read(img, 0x10000, bytes, sizeof(bytes));
	must(image_build_id(img, id, sizeof(id)) <= sizeof(id));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct err err = {""};
	struct image *img;
	int ret = image_open(&img, file_of(0, data, len), &err);

	must(!ret == !err.msg[0]);
	if (ret)
		return 0;
	ask(img);
	image_close(img);
	return 0;
}

/* ---- seeds: a library in one segment, with sections or without ---- */

#define BASE 0x10000u

#if defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#else
#define OUR_MACHINE EM_X86_64
#endif

struct made {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[3];
	Elf64_Dyn dyn[9];
	Elf64_Sym sym[4];
	uint32_t hash[7];
	uint32_t gnu[4 + 2 + 1 + 3]; /* head, bloom, bucket, chain */
	struct {
		uint32_t namesz, descsz, type;
		char name[4];
		uint8_t id[20];
	} note;
	char text[88];
	Elf64_Shdr sh[5];
};

#define AT(member) (BASE + offsetof(struct made, member))

static const char text[] = "\0first\0second\0gone\0libpython3.9.so.1.0\0"
			   ".PyRuntime\0.shstrtab\0local.lto_priv.0";
#define FIRST 1
#define SECOND 7
#define GONE 14
#define LIBRARY 19
#define RUNTIME 39
#define NAMES 50
#define LOCAL 60

static void make_head(struct made *m)
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
				.p_vaddr = BASE,
				.p_filesz = sizeof(*m),
				.p_memsz = sizeof(*m)};
	m->ph[1] = (Elf64_Phdr){.p_type = PT_DYNAMIC,
				.p_offset = offsetof(struct made, dyn),
				.p_vaddr = AT(dyn),
				.p_filesz = sizeof(m->dyn)};
	m->ph[2] = (Elf64_Phdr){.p_type = PT_NOTE,
				.p_offset = offsetof(struct made, note),
				.p_filesz = sizeof(m->note),
				.p_align = 4};
}

/* GNU hash of a name: the function that its section's format defines. */
static uint32_t gnu_hash(const char *name)
{
	uint32_t h = 5381;

	while (*name)
		h = h * 33 + (unsigned char)*name++;
	return h;
}

static void make_dynamic(struct made *m)
{
	const Elf64_Dyn dyn[] = {
		{DT_NEEDED, {LIBRARY}},      {DT_SYMTAB, {AT(sym)}},
		{DT_STRTAB, {AT(text)}},     {DT_STRSZ, {sizeof(text)}},
		{DT_HASH, {AT(hash)}},       {DT_GNU_HASH, {AT(gnu)}},
	};
	const uint32_t hash[] = {1, 4, 1, 0, 2, 3, 0};
	const uint32_t gnu[] = {1, 1, 1, 6, ~0u, ~0u, 1,
				gnu_hash("first") & ~1u,
				gnu_hash("second") & ~1u,
				gnu_hash("gone") | 1};

	memcpy(m->dyn, dyn, sizeof(dyn));
	memcpy(m->hash, hash, sizeof(hash));
	memcpy(m->gnu, gnu, sizeof(gnu));
	memcpy(m->text, text, sizeof(text));
	m->sym[1] = (Elf64_Sym){FIRST, STT_OBJECT, 0, 1, 0x1111, 8};
	m->sym[2] = (Elf64_Sym){SECOND, STT_FUNC, 0, 1, 0x2222, 16};
	m->sym[3] = (Elf64_Sym){GONE, STT_FUNC, 0, SHN_UNDEF, 0x3333, 1};
}

static void make_sections(struct made *m)
{
	m->eh.e_shoff = offsetof(struct made, sh);
	m->eh.e_shentsize = sizeof(m->sh[0]);
	m->eh.e_shnum = 5;
	m->eh.e_shstrndx = 1;
	m->sh[1] = (Elf64_Shdr){.sh_name = NAMES,
				.sh_type = SHT_STRTAB,
				.sh_offset = offsetof(struct made, text),
				.sh_size = sizeof(text)};
	m->sh[2] = (Elf64_Shdr){.sh_name = RUNTIME,
				.sh_type = SHT_PROGBITS,
				.sh_addr = BASE,
				.sh_size = 64};
	m->sh[3] = (Elf64_Shdr){.sh_type = SHT_SYMTAB,
				.sh_offset = offsetof(struct made, sym),
				.sh_size = sizeof(m->sym),
				.sh_entsize = sizeof(m->sym[0]),
				.sh_link = 1};
	m->sym[3] = (Elf64_Sym){LOCAL, STT_OBJECT, 0, 2, 0x4444, 8};
}

void fuzz_seeds(seed_fn *add)
{
	struct made m;
	unsigned i;

	for (i = 0; i < 4; i++) {
		memset(&m, 0, sizeof(m));
		make_head(&m);
		make_dynamic(&m);
		m.note.namesz = 4;
		m.note.descsz = sizeof(m.note.id);
		m.note.type = NT_GNU_BUILD_ID;
		memcpy(m.note.name, "GNU", 4);
		if (i & 1) /* no GNU table: the other one */
			m.dyn[5].d_tag = DT_NULL;
		if (i & 2)
			make_sections(&m);
		add(&m, i & 2 ? sizeof(m) : offsetof(struct made, sh));
	}
}
