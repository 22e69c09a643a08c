package faults

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// traced makes a program stop before its first instruction.
func traced(attr *syscall.SysProcAttr) error {
	attr.Ptrace = true
	return nil
}

// giveClock replaces the functions of the vDSO, the kernel's code in every
// process, that tell the time of day, in a process that is stopped before its
// first instruction, and lets it go on. It returns the address of the number of
// seconds that the new ones add.
//
// It is called by the thread that started the process.
func giveClock(pid int) (address int64, err error) {
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil || !status.Stopped() {
		return 0, fmt.Errorf("wait until process %d can be traced: %w", pid, errors.Join(err, ErrNoClock))
	}
	address, err = replaceClock(pid)
	return address, errors.Join(err, syscall.PtraceDetach(pid))
}

func replaceClock(pid int) (address int64, err error) {
	begin, end, err := vdso(pid)
	if err != nil {
		return 0, err
	}
	mem, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer mem.Close()
	image, err := elf.NewFile(io.NewSectionReader(mem, begin, end-begin))
	if err != nil {
		return 0, fmt.Errorf("read the vDSO: %w", err)
	}
	symbols, err := image.DynamicSymbols()
	if err != nil {
		return 0, fmt.Errorf("read the vDSO: %w", err)
	}
	at := map[string]elf.Symbol{}
	for _, s := range symbols {
		at[s.Name] = s
	}
	// The seconds are behind the first function's new code, in its old place.
	base := int64(at["__vdso_clock_gettime"].Value)
	seconds := (base + int64(len(clockGettime)) + 7) &^ 7
	if room := int64(at["__vdso_clock_gettime"].Size); seconds+8-base > room {
		return 0, fmt.Errorf("clock_gettime in the vDSO has %d bytes: %w", room, ErrNoClock)
	}
	for name, code := range map[string][]byte{
		"__vdso_clock_gettime": clockGettime, "__vdso_gettimeofday": gettimeofday, "__vdso_time": timeOfDay,
	} {
		symbol := at[name]
		if symbol.Size < uint64(len(code)) {
			return 0, fmt.Errorf("%s in the vDSO has %d bytes: %w", name, symbol.Size, ErrNoClock)
		}
		if _, err := mem.WriteAt(aimed(code, int64(symbol.Value), seconds), begin+int64(symbol.Value)); err != nil {
			return 0, fmt.Errorf("replace %s: %w: %w", name, err, ErrNoClock)
		}
	}
	return begin + seconds, write(mem, begin+seconds, 0)
}

// vdso returns where a process has the vDSO.
func vdso(pid int) (begin, end int64, err error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(maps)) {
		if strings.HasSuffix(strings.TrimSpace(line), "[vdso]") {
			_, err := fmt.Sscanf(line, "%x-%x", &begin, &end)
			return begin, end, err
		}
	}
	return 0, 0, fmt.Errorf("process %d has no vDSO: %w", pid, ErrNoClock)
}

// setClock leaves a process alone that has become another program.
func setClock(pid int, address, seconds int64) error {
	begin, end, err := vdso(pid)
	if err != nil || address < begin || address >= end {
		return os.ErrProcessDone
	}
	mem, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return os.ErrProcessDone
	}
	if err != nil {
		return err
	}
	defer mem.Close()
	return write(mem, address, seconds)
}

func write(mem *os.File, address, seconds int64) error {
	_, err := mem.WriteAt(binary.LittleEndian.AppendUint64(nil, uint64(seconds)), address)
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.EIO) {
		return os.ErrProcessDone // its memory is gone
	}
	return err
}

// here stands for the distance from the next instruction to the seconds.
var here = []byte{0xee, 0xee, 0xee, 0xee}

// The functions make the system call of the same name and add the seconds.
var (
	clockGettime = []byte{
		0xb8, 0xe4, 0, 0, 0, // mov eax, 228
		0x0f, 0x05, // syscall
		0x85, 0xff, // test edi, edi: CLOCK_REALTIME
		0x75, 0x0a, // jnz ret
		0x48, 0x8b, 0x0d, 0xee, 0xee, 0xee, 0xee, // mov rcx, [seconds]
		0x48, 0x01, 0x0e, // add [rsi], rcx
		0xc3, // ret
	}
	gettimeofday = []byte{
		0xb8, 0x60, 0, 0, 0, // mov eax, 96
		0x0f, 0x05, // syscall
		0x48, 0x85, 0xff, // test rdi, rdi
		0x74, 0x0a, // jz ret
		0x48, 0x8b, 0x0d, 0xee, 0xee, 0xee, 0xee, // mov rcx, [seconds]
		0x48, 0x01, 0x0f, // add [rdi], rcx
		0xc3, // ret
	}
	timeOfDay = []byte{
		0x57,       // push rdi
		0x31, 0xff, // xor edi, edi
		0xb8, 0xc9, 0, 0, 0, // mov eax, 201
		0x0f, 0x05, // syscall
		0x5f,                                     // pop rdi
		0x48, 0x03, 0x05, 0xee, 0xee, 0xee, 0xee, // add rax, [seconds]
		0x48, 0x85, 0xff, // test rdi, rdi
		0x74, 0x03, // jz ret
		0x48, 0x89, 0x07, // mov [rdi], rax
		0xc3, // ret
	}
)

// aimed returns code that stands at an address and finds the seconds.
func aimed(code []byte, at, seconds int64) []byte {
	code = bytes.Clone(code)
	i := bytes.Index(code, here)
	binary.LittleEndian.PutUint32(code[i:], uint32(seconds-(at+int64(i+len(here)))))
	return code
}
