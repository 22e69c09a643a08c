package rpc_test

import (
	"fmt"

	"github.com/pulselearn/campus-hub/platform/rpc"
)

// A list asks its database for one row more than a page holds; Page cuts it off
// and makes the token from which the next page goes on.
func ExamplePage() {
	rows := []string{"ada", "blaise", "carl"} // for a page of two
	page, next := rpc.Page(rows, 2, func(last string) []string { return []string{last} })
	fmt.Println(page)

	after, err := rpc.ParsePageToken(next, 1)
	fmt.Println(after, err)
	// Output:
	// [ada blaise]
	// [blaise] <nil>
}

func ExampleInvalid() {
	fmt.Println(rpc.Invalid("answers[2].choice", "is not the index of a choice"))
	// Output: invalid_argument: answers[2].choice: is not the index of a choice
}
