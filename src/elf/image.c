/*
 * Opening an ELF file and the facts that its headers tell.
 */
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base.h"
#include "elf_priv.h"

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#else
#define OUR_MACHINE EM_NONE
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OUR_ORDER ELFDATA2LSB
#else
#define OUR_ORDER ELFDATA2MSB
#endif

int image_pread(const struct image *img, uint64_t offset, void *to,
		size_t len)
{
	char *p = to;
	ssize_t n;

	if (offset > img->size || len > img->size - offset)
		return -EBADMSG;
	while (len) {
		n = pread(img->fd, p, len, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) /* it has been truncated since */
			return n ? -errno : -EBADMSG;
		p += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int check_ident(const unsigned char *h, struct err *err)
{
	if (memcmp(h, ELFMAG, SELFMAG))
		return err_set(err, -EBADMSG, "not an ELF file");
	if (h[EI_CLASS] == ELFCLASS32)
		return err_set(err, -ENOTSUP, "a 32-bit ELF file; only "
			       "64-bit programs can be read");
	if (h[EI_CLASS] != ELFCLASS64)
		return err_set(err, -EBADMSG, "an ELF file of unknown class "
			       "%u", h[EI_CLASS]);
	if (h[EI_DATA] != OUR_ORDER)
		return err_set(err, -ENOTSUP, "an ELF file of the other "
			       "byte order");
	return 0;
}

/*
 * The number of section headers as the file claims it; libelf allocates by
 * it, so it is looked at before. With more than 65279 of them it stands in
 * the size of the first one (gABI, "e_shnum").
 */
static int check_sections(const struct image *img, const Elf64_Ehdr *h,
			  struct err *err)
{
	Elf64_Shdr first;
	uint64_t n = h->e_shnum;

	if (!n && h->e_shoff &&
	    !image_pread(img, h->e_shoff, &first, sizeof(first)))
		n = first.sh_size;
	if (n > IMAGE_SECTIONS_MAX)
		return err_set(err, -EBADMSG, "an ELF file that claims %llu "
			       "sections, more than the limit of %u",
			       (unsigned long long)n, IMAGE_SECTIONS_MAX);
	return 0;
}

static int check_header(struct image *img, struct err *err)
{
	Elf64_Ehdr h;
	int ret;

	if (image_pread(img, 0, &h, sizeof(h)))
		return err_set(err, -EBADMSG, "not an ELF file: too short");
	ret = check_ident(h.e_ident, err);
	if (ret)
		return ret;
	if (h.e_machine != OUR_MACHINE)
		return err_set(err, -ENOTSUP, "an ELF file of another machine "
			       "(number %u)", h.e_machine);
	if (h.e_type != ET_EXEC && h.e_type != ET_DYN)
		return err_set(err, -EBADMSG, "an ELF file that is neither a "
			       "program nor a library (type %u)", h.e_type);
	img->type = h.e_type;
	return check_sections(img, &h, err);
}

static int read_segments(struct image *img, struct err *err)
{
	GElf_Phdr ph;
	size_t i;

	if (elf_getphdrnum(img->elf, &img->nphdr) ||
	    img->nphdr > IMAGE_SEGMENTS_MAX)
		return err_set(err, -EBADMSG, "an ELF file whose number of "
			       "program headers cannot be");
	img->loads = xcalloc(img->nphdr, sizeof(*img->loads));
	for (i = 0; i < img->nphdr; i++) {
		if (!gelf_getphdr(img->elf, (int)i, &ph))
			return err_set(err, -EBADMSG, "an ELF file whose "
				       "program headers lie outside of it");
		if (ph.p_type != PT_LOAD)
			continue;
		img->loads[img->nloads++] = (struct image_load){
			.vaddr = ph.p_vaddr,
			.offset = ph.p_offset,
			.filesz = ph.p_filesz,
		};
	}
	/* libelf counts only those headers that lie inside of the file. */
	if (!img->nloads)
		return err_set(err, -EBADMSG, "an ELF file without program "
			       "headers that say what is loaded");
	return 0;
}

static void note_dynamic(struct image_dynamic *d, const GElf_Dyn *dyn)
{
	switch (dyn->d_tag) {
	case DT_SYMTAB:
		d->symtab = dyn->d_un.d_ptr;
		break;
	case DT_STRTAB:
		d->strtab = dyn->d_un.d_ptr;
		break;
	case DT_STRSZ:
		d->strsz = dyn->d_un.d_val;
		break;
	case DT_GNU_HASH:
		d->gnu_hash = dyn->d_un.d_ptr;
		break;
	case DT_HASH:
		d->hash = dyn->d_un.d_ptr;
		break;
	default:
		break;
	}
}

/* Absent, or outside of the file: then there are just no dynamic symbols. */
static void read_dynamic(struct image *img)
{
	GElf_Phdr ph;
	GElf_Dyn dyn;
	int i;

	for (i = 0; i < (int)img->nphdr; i++) {
		if (gelf_getphdr(img->elf, i, &ph) && ph.p_type == PT_DYNAMIC)
			break;
	}
	if (i == (int)img->nphdr || ph.p_filesz > IMAGE_DYNAMIC_MAX ||
	    ph.p_offset > img->size || ph.p_filesz > img->size - ph.p_offset)
		return;
	img->dynamic = elf_getdata_rawchunk(img->elf, (int64_t)ph.p_offset,
					    ph.p_filesz, ELF_T_DYN);
	for (i = 0; img->dynamic && gelf_getdyn(img->dynamic, i, &dyn) &&
		    dyn.d_tag != DT_NULL; i++)
		note_dynamic(&img->dyn, &dyn);
}

int image_open(struct image **imgp, int fd, struct err *err)
{
	struct image *img = xcalloc(1, sizeof(*img));
	struct stat st;
	int ret;

	img->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (img->fd < 0 || fstat(img->fd, &st)) {
		ret = err_set(err, -errno, "cannot use the file: %s",
			      strerror(errno));
		goto fail;
	}
	img->size = st.st_size > 0 ? (uint64_t)st.st_size : 0;
	ret = check_header(img, err);
	if (ret)
		goto fail;
	elf_version(EV_CURRENT);
	img->elf = elf_begin(img->fd, ELF_C_READ, NULL);
	if (!img->elf) {
		ret = err_set(err, -EBADMSG, "not a readable ELF file: %s",
			      elf_errmsg(-1));
		goto fail;
	}
	ret = read_segments(img, err);
	if (ret)
		goto fail;
	read_dynamic(img);
	*imgp = img;
	return 0;
fail:
	image_close(img);
	return ret;
}

void image_close(struct image *img)
{
	if (!img)
		return;
	elf_end(img->elf);
	if (img->fd >= 0)
		close(img->fd);
	free(img->loads);
	free(img);
}

int image_section(struct image *img, const char *name, uint64_t *addr,
		  uint64_t *size)
{
	const char *text;
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;
	size_t names;

	if (elf_getshdrstrndx(img->elf, &names))
		return -ENOENT;
	while ((scn = elf_nextscn(img->elf, scn))) {
		if (!gelf_getshdr(scn, &sh))
			continue;
		text = elf_strptr(img->elf, names, sh.sh_name);
		if (!text || strcmp(text, name))
			continue;
		*addr = sh.sh_addr;
		*size = sh.sh_size;
		return 0;
	}
	return -ENOENT;
}

/* The text at an offset of the dynamic string table, cut to `size`. */
static bool dynamic_text(struct image *img, uint64_t offset, char *to,
			 size_t size)
{
	uint64_t room;

	if (!img->dyn.strtab || offset >= img->dyn.strsz)
		return false;
	room = img->dyn.strsz - offset;
	if (room < size)
		size = (size_t)room + 1;
	memset(to, 0, size);
	return !image_read(img, img->dyn.strtab + offset, to, size - 1);
}

bool image_needs(struct image *img, const char *library_prefix)
{
	char text[4096];
	const char *name;
	GElf_Dyn dyn;
	int i;

	for (i = 0; img->dynamic && gelf_getdyn(img->dynamic, i, &dyn) &&
		    dyn.d_tag != DT_NULL; i++) {
		if (dyn.d_tag != DT_NEEDED ||
		    !dynamic_text(img, dyn.d_un.d_val, text, sizeof(text)))
			continue;
		name = strrchr(text, '/');
		name = name ? name + 1 : text;
		if (!strncmp(name, library_prefix, strlen(library_prefix)))
			return true;
	}
	return false;
}

uint64_t image_bias(struct image *img, uint64_t start, uint64_t offset)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	const struct image_load *l, *within = NULL;
	size_t i;

	if (img->type == ET_EXEC)
		return 0;
	for (i = 0; i < img->nloads; i++) {
		l = &img->loads[i];
		if ((l->offset & ~(page - 1)) == offset) {
			within = l;
			break;
		}
		if (!within && offset > l->offset &&
		    offset - l->offset < l->filesz)
			within = l;
	}
	/* Modulo 2^64: a hostile file gets nonsense, not undefined. */
	return within ? start - (within->vaddr - within->offset + offset)
		      : start - offset;
}

int image_read(struct image *img, uint64_t addr, void *to, size_t len)
{
	const struct image_load *l;
	size_t i;

	for (i = 0; i < img->nloads; i++) {
		l = &img->loads[i];
		if (addr < l->vaddr || addr - l->vaddr > l->filesz ||
		    len > l->filesz - (addr - l->vaddr))
			continue;
		if (l->offset > img->size)
			return -EFAULT;
		return image_pread(img, l->offset + (addr - l->vaddr), to, len)
			       ? -EFAULT : 0;
	}
	return -EFAULT;
}

/*
 * The build id among the notes of one segment. A note is three words (size
 * of name, size of description, type), the name and the description, each
 * padded to the segment's alignment (elf(5), "Notes").
 */
static size_t find_build_id(const void *notes, size_t len, size_t align,
			    void *to, size_t size)
{
	uint32_t namesz, descsz, type;
	const uint8_t *name, *desc;
	struct cursor c;

	cursor_init(&c, notes, len);
	while (cursor_left(&c) >= 12) {
		namesz = cursor_u32(&c);
		descsz = cursor_u32(&c);
		type = cursor_u32(&c);
		if (namesz > len || descsz > len)
			return 0;
		name = cursor_bytes(&c, namesz);
		cursor_bytes(&c, -(12 + (size_t)namesz) & (align - 1));
		desc = cursor_bytes(&c, descsz);
		if (c.bad)
			return 0;
		if (type == NT_GNU_BUILD_ID && namesz == 4 &&
		    !memcmp(name, "GNU", 4)) {
			size = descsz < size ? descsz : size;
			memcpy(to, desc, size);
			return size;
		}
		cursor_bytes(&c, -(size_t)descsz & (align - 1));
	}
	return 0;
}

size_t image_build_id(struct image *img, void *to, size_t size)
{
	size_t i, found = 0;
	GElf_Phdr ph;
	void *notes;

	for (i = 0; i < img->nphdr && !found; i++) {
		if (!gelf_getphdr(img->elf, (int)i, &ph) ||
		    ph.p_type != PT_NOTE || ph.p_filesz > IMAGE_NOTES_MAX)
			continue;
		notes = xmalloc(ph.p_filesz);
		if (!image_pread(img, ph.p_offset, notes, ph.p_filesz))
			found = find_build_id(notes, ph.p_filesz,
					      ph.p_align == 8 ? 8 : 4, to,
					      size);
		free(notes);
	}
	return found;
}
