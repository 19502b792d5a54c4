package generate

import "strings"

// libraries lists the libraries that people search in, the busiest first.
func libraries() []string {
	return strings.Fields("정독 남산 마포 송파 강남 양천 노원 동대문 종로 강서 용산 서대문 고덕 구로 개포 도봉 강동 동작 영등포 고척")
}

// shelf is a subject of the catalogue: its classification number and the words that find its books.
type shelf struct {
	class string
	words string
}

func shelves() []shelf {
	return []shelf{
		{"005.133", "파이썬 자바 자바스크립트 python C언어 코틀린 타입스크립트 C++ java 러스트 javascript Go언어 R언어 html 스위프트 PHP 루비 css"},
		{"005.1", "알고리즘 코딩테스트 자료구조 코딩 프로그래밍 객체지향 디자인패턴 git 클린코드 정규표현식 algorithm 리팩터링 동시성 컴파일러 애자일"},
		{"005.74", "데이터베이스 SQL 데이터분석 엑셀 빅데이터 통계학 데이터과학 MySQL 데이터시각화 PostgreSQL 판다스 카프카 스파크 MongoDB 레디스 파워포인트 넘파이"},
		{"004.73", "인공지능 머신러닝 딥러닝 생성형AI 프롬프트 챗봇 파이토치 텐서플로우 자연어처리 강화학습 로봇 deeplearning 컴퓨터비전 추천시스템 신경망"},
		{"004.6", "리눅스 도커 네트워크 쿠버네티스 운영체제 AWS 클라우드 보안 아두이노 linux 해킹 라즈베리파이 docker 블록체인 서버 컴퓨터구조 임베디드"},
		{"005.58", "스프링부트 리액트 안드로이드 웹개발 장고 유니티 react 플러터 스프링 노드 프론트엔드 백엔드 뷰 플라스크 spring"},
		{"740", "영어회화 토익 영문법 일본어 중국어 영어단어 토플 비즈니스영어 스페인어 한국어문법 프랑스어 독일어"},
		{"320", "경제학 주식투자 재테크 마케팅 부동산 회계 창업 금융 경영전략 세계경제"},
		{"180", "심리학 글쓰기 습관 독서법 시간관리 말하기 철학 기획 리더십 명상"},
		{"410", "수학 선형대수 물리학 미적분 확률 뇌과학 천문학 화학 생물학 이산수학"},
		{"900", "한국사 여행 세계사 미술사 사진 음악 건축 지도 고고학 인류학 지리"},
	}
}

// keyword is a search word with books behind it.
type keyword struct {
	text  string
	class string
}

// keywords lists the words that find books, the most wanted first: every shelf's first word, then every second one.
func keywords() []keyword {
	var out []keyword
	for place, found := 0, true; found; place++ {
		found = false
		for _, s := range shelves() {
			if words := strings.Fields(s.words); place < len(words) {
				out = append(out, keyword{words[place], s.class})
				found = true
			}
		}
	}
	return out
}

// misses lists the words that find nothing, the most frequent first: slips of the finger, the keyboard left in
// the other language, stray letters, and text meant for something else than a search.
func misses() []string {
	return []string{
		"파이선", "pyhton", "ㅍ", "자바스크립", "데이타베이쓰", "javascirpt", "vkdlTjs", "알고리듬문제", "ㅋㅋ", "머신러닌",
		"텐서플로", "쿠버내티스", "ㅔㅛ쇄ㅜ", "pytohn", "엑샐", "스프링부투", "ㅇㅇ", "리눅쓰", "딥러능", "인공지느",
		"kubernets", "wkqk", "리엑트", "ㅁㄴㅇㄹ", "영어훼화", "dokcer", "코딩태스트", "xhdlr", "tensorflw", "ㅏ",
		"타입스크맆트", "한국샤", "ㅓㅁㅍㅁ", "algoritm", "도커ㅋ", "안드로이두", "ㄴ비", "databse", "주식투쟈", "exel",
		"머신 러닝닝", "spirng boot", "duddj", "심리핟", "raect", "파이ㅆㅓㄴ", "typscript", "ehzj", "ㅎ", "네트웤크",
		"dprtpf", "lunix", "글쓰끼", "=1+1", "postgre sqll", "<b>파이썬</b>", "자료구죠", "githb", "'; --", "통개학",
	}
}

// titles lists the forms of a title; % stands for its keyword.
func titles() []string {
	return []string{
		"% 산책", "열두 달 %", "처음 만나는 %", "% 공책", "도서관에서 읽는 %", "다시 쓰는 %", "% 한 걸음 더", "질문으로 여는 %",
		"% 연습장", "하루 한 장 %", "그림으로 보는 %", "손에 잡히는 % 이야기", "% 길잡이", "천천히 배우는 %", "% 사전", "밑줄 긋는 %",
		"%, 왜 그럴까", "% 실전 노트", "둘이서 풀어 보는 %", "% 백 문 백 답", "작은 % 교실", "주말에 끝내는 %", "% 현장 수첩", "% 깊이 읽기",
		"쉬운 말로 쓴 %", "% 첫 학기", "%의 지도", "문제로 다지는 %", "% 열두 강", "다음 단계의 %", "% 비교 읽기", "오래 쓰는 %",
		"% 기초 체력", "예제로 걷는 %", "% 되짚기", "가볍게 훑는 %", "% 작업실", "% 이후", "\"%\"라는 도구", "%, 그리고 일",
	}
}
