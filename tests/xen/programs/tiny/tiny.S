/* tiny.elf: a PVH guest without an operating system, which makes an exact number of accesses, each kind to a page of its
 * own. `xl create -p` it, arm, `xl unpause`: it makes one round and then waits until the word GO says that more are
 * wanted. 32-bit, flat, without paging: guest-linear is guest-physical.
 *
 *   0x200010  written 100 times a round; 0x200ff8 read and written 100 times (add to memory)
 *   0x201024  read 60 times
 *   0x202000  executed 40 times: a `ret` that is called
 *   0x203800  written 50 times, in a page that is busy: 0x203100 is written 2000 times
 *   0x204000  nobody watches this page: GO, the number of rounds wanted; then ROUNDS, those done; WRITES, READS, EXECS,
 *             WATCHED, BUSY: what it did in all, its own counts; TOUCH: so many pages from 0x400000 on are written once,
 *             each, as soon as it is set, and then it is 0 again
 */
	.set GO,      0x204000
	.set ROUNDS,  0x204004
	.set WRITES,  0x204008
	.set READS,   0x20400c
	.set EXECS,   0x204010
	.set WATCHED, 0x204014
	.set BUSY,    0x204018
	.set TOUCH,   0x20401c
	.set HYPERCALLS, 0x205000	/* Xen fills this page */

	.section .note.Xen,"a",@note
	.align 4
	.long 4, 4, 18			/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long _start
	.align 4

	.text
	.code32
	.globl _start
_start:	cli
	movl $stack, %esp
	movb $0xc3, 0x202000		/* ret */
	movl $0x40000000, %ecx		/* Xen's MSR for the page of hypercalls */
	movl $HYPERCALLS, %eax
	xorl %edx, %edx
	wrmsr
	movl $ready, %esi
	call say

round:	movl $100, %ebp
1:	incl WRITES
	movl WRITES, %eax
	movl %eax, 0x200010
	addl $1, 0x200ff8
	decl %ebp
	jnz 1b

	movl $60, %ebp
1:	movl 0x201024, %eax
	incl READS
	decl %ebp
	jnz 1b

	movl $40, %ebp
	movl $0x202000, %ecx
1:	call *%ecx
	incl EXECS
	decl %ebp
	jnz 1b

	movl $50, %ebp
1:	movl $40, %edi
2:	incl BUSY
	movl %edi, 0x203100
	decl %edi
	jnz 2b
	incl WATCHED
	movl WATCHED, %eax
	movl %eax, 0x203800
	decl %ebp
	jnz 1b

	incl ROUNDS
	movl $done, %esi
	call say
wait:	movl $29, %eax			/* sched_op: yield, for dom0 has the same CPU */
	xorl %ebx, %ebx
	xorl %ecx, %ecx
	call HYPERCALLS + 29 * 32
	movl TOUCH, %ecx
	jecxz 2f
	movl $0x400000, %edi
1:	incl (%edi)
	addl $4096, %edi
	decl %ecx
	jnz 1b
	movl $0, TOUCH
2:	movl ROUNDS, %eax
	cmpl GO, %eax
	jae wait
	jmp round

say:	lodsb				/* port 0xe9: a line in Xen's own log */
	testb %al, %al
	jz 1f
	outb %al, $0xe9
	jmp say
1:	ret

ready:	.asciz "tiny: ready\n"
done:	.asciz "tiny: round done\n"

	.bss
	.align 16
	.skip 4096
stack:
