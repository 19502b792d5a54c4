package fault

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
)

func TestErrorReadsPlaceThenWhatIsWrongThenWhatToDo(t *testing.T) {
	cause := errors.New("no such host")
	for want, e := range map[string]*Error{
		"a.yaml:3:8: owner is empty; write a name":           At("a.yaml", 3, 8, "owner is empty", "write a name"),
		"a.yaml:3: not UTF-8":                                At("a.yaml", 3, 0, "not UTF-8", ""),
		"a.txt: not a .yaml file; rename it":                 At("a.txt", 0, 0, "not a .yaml file", "rename it"),
		"nobody is there":                                    New(NotFound, "nobody is there", ""),
		"fetch searches: no such host; look at the address":  Wrap(Unavailable, cause, "fetch searches", "look at the address"),
		"fetch searches: no such host":                       Wrap(Unavailable, cause, "fetch searches", ""),
		"a.yaml:2: read the row: no such host; look at line": {Message: "read the row", Hint: "look at line", File: "a.yaml", Line: 2, Err: cause},
	} {
		if got := e.Error(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestCodeAndHintAreFoundThroughWrapping(t *testing.T) {
	inner := New(Missing, "no object", "wait for it")
	for name, err := range map[string]error{
		"itself": inner, "wrapped": fmt.Errorf("fetch: %w", inner), "joined": errors.Join(fs.ErrNotExist, inner),
	} {
		if Code(err) != Missing || !Is(err, Missing) || Is(err, Busy) || Hint(err) != "wait for it" {
			t.Errorf("%s: %q, %q", name, Code(err), Hint(err))
		}
	}
}

func TestOuterCodeAndInnerHintAreTheOnesThatCount(t *testing.T) {
	err := Wrap(CheckFailed, fmt.Errorf("rows: %w", New(Invalid, "no rows", "load the day")), "check requests", "")
	if Code(err) != CheckFailed || Hint(err) != "load the day" {
		t.Errorf("%q, %q", Code(err), Hint(err))
	}
	err.Hint = "ask the owner"
	if Hint(err) != "ask the owner" {
		t.Errorf("%q", Hint(err))
	}
}

func TestOtherErrorsHaveNoCode(t *testing.T) {
	for _, err := range []error{nil, fs.ErrNotExist, errors.New("x")} {
		if Code(err) != "" || Hint(err) != "" || Is(err, NotFound) || Is(err, "") && err == nil {
			t.Errorf("%v: %q, %q", err, Code(err), Hint(err))
		}
	}
}

func TestCauseIsKept(t *testing.T) {
	if err := Wrap(Unavailable, fs.ErrPermission, "open the lake", ""); !errors.Is(err, fs.ErrPermission) {
		t.Error("the cause is lost")
	}
}
