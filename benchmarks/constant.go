// A reference: what Go's net/http needs to return a constant of the same length.
//
//	go build -o constant constant.go && GOMAXPROCS=1 ./constant PORT
package main

import (
	"log"
	"net/http"
	"os"
)

func main() {
	body := []byte("2248610930218766336")
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.Write(body)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
